"use strict";
(() => {
  const all = (what, from = document) => [...from.querySelectorAll(what)];
  const words = JSON.parse(document.getElementById("words").textContent);
  const rowsOf = (key) => JSON.parse(document.getElementById(`rows-${key}`).textContent);

  // Plots. Colours are CSS variables, so a change of theme needs no new drawing.
  const axis = {
    labelColor: "var(--ink-2)", titleColor: "var(--ink-2)", gridColor: "var(--line)",
    domainColor: "var(--line)", tickColor: "var(--line)", titleFontWeight: "normal",
    labelFontSize: 11, titleFontSize: 12, titlePadding: 8, labelLimit: 220,
  };
  const config = (width) => ({
    background: "transparent", font: getComputedStyle(document.body).fontFamily,
    axis, view: { stroke: null }, padding: 4,
    legend: {
      orient: "top", symbolOpacity: 1, labelColor: "var(--ink-2)", titleColor: "var(--ink-2)", labelFontSize: 11,
      titleFontSize: 11, titleFontWeight: "normal",
      symbolFillColor: "var(--ink-2)", columns: width < 420 ? 3 : 6, labelLimit: 160, offset: 8,
      layout: { top: { direction: width < 420 ? "vertical" : "horizontal", anchor: "start", margin: 20 } },
    },
    text: { fill: "var(--ink)" }, rule: { color: "var(--ink-3)" },
  });
  const draw = async (box) => {
    if (box.dataset.drawn) return;
    box.dataset.drawn = "yes";
    const spec = JSON.parse(document.getElementById(`spec-${box.dataset.key}`).textContent);
    spec.datasets = { ...spec.datasets, rows: rowsOf(box.dataset.key) };
    const place = document.createElement("div");
    box.replaceChildren(place);
    await vegaEmbed(place, spec, {
      renderer: "svg", actions: false, config: config(box.clientWidth), tooltip: { theme: "custom", disableDefaultStyle: true },
    });
    all("svg", place).forEach((svg) => svg.setAttribute("aria-label", box.dataset.alt));
  };
  const drawAll = (from) => all(".chart", from).reduce((wait, box) => wait.then(() => draw(box)), Promise.resolve());

  // The subjects, if there are several.
  const tabs = all('[role="tab"]');
  const show = (tab, focus) => {
    tabs.forEach((one) => {
      const mine = one === tab;
      one.setAttribute("aria-selected", mine);
      one.tabIndex = mine ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).hidden = !mine;
    });
    if (focus) tab.focus();
    return drawAll(document.getElementById(tab.getAttribute("aria-controls")));
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) show(tabs[(at + step + tabs.length) % tabs.length], true);
    });
  });

  // Tables, filtered by what is chosen above them.
  const matches = (text, typed) => typed.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  all("form.filters").forEach((form) => {
    const kept = all(form.dataset.rows);
    const texts = kept.map((row) => row.textContent.toLowerCase());
    const count = form.querySelector("output");
    const filter = () => {
      const asked = [...new FormData(form)].filter(([, value]) => value.trim() !== "");
      let shown = 0;
      kept.forEach((row, at) => {
        const fits = asked.every(([name, value]) =>
          name === "words" ? matches(texts[at], value.trim()) : row.dataset[name] === value);
        row.hidden = !fits;
        shown += fits;
      });
      const pools = form.querySelector("select[name=pools]");
      if (pools) kept[0].closest("table").caption.textContent = pools.selectedOptions[0].textContent;
      count.textContent = words.shown.replace("{shown}", shown).replace("{all}", kept.length);
      all(".list").forEach((list) => {
        const left = list.querySelector("summary output");
        if (left) left.textContent = all(".entry:not([hidden])", list).length;
      });
    };
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    filter();
  });

  // SQL to copy, and the rows behind a plot as a table.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.setAttribute("aria-hidden", "true");
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };
  all("button.copy").forEach((button) => {
    const before = button.textContent;
    button.addEventListener("click", async () => {
      const done = await copy(button.parentElement.querySelector("code").textContent);
      button.textContent = done ? words.copied : words.select;
      setTimeout(() => { button.textContent = before; }, 1600);
    });
  });
  const shown = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "boolean") return value ? words.yes : words.no;
    if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
    return Array.isArray(value) ? value.join(", ") : String(value);
  };
  all("details.numbers").forEach((box) => box.addEventListener("toggle", () => {
    const place = box.querySelector(".scroll");
    if (!box.open || place.firstChild) return;
    const rows = rowsOf(box.dataset.key), table = document.createElement("table");
    const names = rows.length ? Object.keys(rows[0]) : [];
    const line = (into, cells, kind) => {
      const row = into.insertRow();
      cells.forEach((value) => {
        const cell = document.createElement(kind);
        cell.textContent = shown(value);
        if (typeof value === "number") cell.className = "n";
        row.append(cell);
      });
    };
    line(table.createTHead(), names, "th");
    const body = table.createTBody();
    rows.forEach((row) => line(body, names.map((name) => row[name]), "td"));
    place.append(table);
  }));

  // Thumbnails come once each, however often they are shown.
  const pictures = JSON.parse(document.getElementById("pictures").textContent);
  all("img[data-picture]").forEach((image) => { image.src = pictures[image.dataset.picture]; });

  const ready = tabs.length ? show(tabs[0]) : drawAll(document);
  ready.then(() => { document.documentElement.dataset.ready = "yes"; });
})();
