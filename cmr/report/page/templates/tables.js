"use strict";
(() => {
  // Tables: sorted by a click on a heading, also those that appear later.
  const number = (cell) => (cell.dataset.v === undefined ? null : Number(cell.dataset.v));
  const sort = (heading) => {
    const table = heading.closest("table"), body = table.tBodies[0];
    const column = heading.cellIndex, up = heading.getAttribute("aria-sort") === "descending"
      || (!heading.hasAttribute("aria-sort") && !heading.classList.contains("n"));
    const rows = [...body.rows].map((row, at) => ({ row, at, cell: row.cells[column] }));
    const numeric = heading.classList.contains("n");
    rows.sort((a, b) => {
      const x = numeric ? number(a.cell) : a.cell.textContent, y = numeric ? number(b.cell) : b.cell.textContent;
      if (numeric && (x === null || y === null)) return (x === null) - (y === null) || a.at - b.at;
      const order = numeric ? x - y : x.localeCompare(y, document.documentElement.lang, { numeric: true });
      return (up ? order : -order) || a.at - b.at;
    });
    table.tHead.querySelectorAll("th").forEach((one) => one.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows.map((one) => one.row));
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("th button");
    if (button) sort(button.closest("th"));
  });

  // Light, dark, or as the system says.
  const theme = document.getElementById("theme");
  theme.addEventListener("change", () => {
    if (theme.value) document.documentElement.dataset.theme = theme.value;
    else delete document.documentElement.dataset.theme;
  });
})();
