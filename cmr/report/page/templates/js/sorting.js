  // The rows of a table by the column of one of its headings; numbers are in data-v.
  const sortsUp = (heading) => heading.getAttribute("aria-sort") === "descending"
    || (!heading.hasAttribute("aria-sort") && !heading.classList.contains("n"));
  const sortRows = (heading, up) => {
    const table = heading.closest("table"), body = table.tBodies[0], column = heading.cellIndex;
    const number = (cell) => (cell.dataset.v === undefined ? null : Number(cell.dataset.v));
    const rows = [...body.rows].map((row, at) => ({ row, at, cell: row.cells[column] }));
    const numeric = heading.classList.contains("n");
    rows.sort((a, b) => {
      const x = numeric ? number(a.cell) : a.cell.textContent, y = numeric ? number(b.cell) : b.cell.textContent;
      if (numeric && (x === null || y === null)) return (x === null) - (y === null) || a.at - b.at;
      const apart = numeric ? x - y : x.localeCompare(y, document.documentElement.lang, { numeric: true });
      return (up ? apart : -apart) || a.at - b.at;
    });
    table.tHead.querySelectorAll("th").forEach((one) => one.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows.map((one) => one.row));
  };
