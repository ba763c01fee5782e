"use strict";
/* The page of an audit: two charts change their colours between sets and types of frames. */

for (const input of document.querySelectorAll(".switch input")) {
  input.addEventListener("change", () => {
    const figure = document.querySelector(`figure[data-chart^="${input.name}-by-"]`);
    figure.dataset.chart = `${input.name}-by-${input.value}`;
    if (figure.classList.contains("drawn")) draw(figure);
  });
}
