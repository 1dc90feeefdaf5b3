"use strict";
(() => {
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();

  const rowsOf = (columns) => {
    const names = Object.keys(columns);
    const count = names.length ? columns[names[0]].length : 0;
    return Array.from({ length: count }, (_, row) =>
      Object.fromEntries(names.map((name) => [name, columns[name][row]])));
  };

  const draw = async (place) => {
    const chart = report.charts[place.id];
    const spec = structuredClone(report.specifications[chart.kind]);
    spec.datasets = { [report.dataset]: rowsOf(chart.columns) };
    const config = structuredClone(report.themes[dark.matches ? "dark" : "light"]);
    config.axisY.labelLimit = Math.round(place.clientWidth * 0.45);
    for (const param of spec.params ?? []) {
      if (param.name === "narrow") param.value = place.clientWidth < 480;
    }
    drawn.get(place)?.finalize();
    const view = await vegaEmbed(place, spec, {
      mode: "vega-lite",
      ast: true,
      actions: false,
      defaultStyle: false,
      renderer: chart.renderer,
      config,
      tooltip: { disableDefaultStyle: true },
    });
    drawn.set(place, view);
    place.dataset.drawn = "true";
  };

  const attempt = (place) =>
    draw(place).catch((error) => {
      place.textContent = "This chart could not be drawn; the tables hold its figures.";
      console.error(error);
    });

  const places = [...document.querySelectorAll(".chart")].filter((place) => place.id in report.charts);
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) {
        near.unobserve(target);
        attempt(target);
      }
    }
  }, { rootMargin: "800px" });
  for (const place of places) {
    const { height } = report.specifications[report.charts[place.id].kind];
    place.style.minHeight = `${height + 24}px`;
    near.observe(place);
  }
  dark.addEventListener("change", () => drawn.forEach((_, place) => attempt(place)));
  addEventListener("beforeprint", () => places.filter((place) => !drawn.has(place)).forEach(attempt));
})();
