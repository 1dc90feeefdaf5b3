"""From a study to trained networks: plan, train one member, train many, on what device."""
