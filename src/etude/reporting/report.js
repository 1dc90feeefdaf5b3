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
    // Vega gives the element that it draws in a role of its own; the place stays an image.
    const inside = document.createElement("div");
    place.replaceChildren(inside);
    const view = await vegaEmbed(inside, spec, {
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
    offerImages(place, chart.kind);
  };

  const offerImages = (place, kind) => {
    if (!place.classList.contains("keep") || place.nextElementSibling?.className === "save") return;
    const line = document.createElement("p");
    line.className = "save";
    line.append("Save as");
    for (const format of ["svg", "png"]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = format.toUpperCase();
      button.setAttribute("aria-label", `Save this chart as ${format.toUpperCase()}`);
      button.addEventListener("click", async () => {
        const link = document.createElement("a");
        link.href = await drawn.get(place).view.toImageURL(format, 2);
        link.download = `${kind}.${format}`;
        link.click();
      });
      line.append(button);
    }
    place.after(line);
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
