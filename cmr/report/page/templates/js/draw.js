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

  const bubble = make("div", { id: "bubble", hidden: true });
  document.body.append(bubble);
  const point = (handler, event, item, value) => {
    const rows = event && value && typeof value === "object" ? Object.entries(value) : [];
    bubble.hidden = !rows.length;
    if (!rows.length) return;
    bubble.replaceChildren(make("table", {}, ...rows.map(([name, text]) =>
      make("tr", {}, make("td", { className: "key", textContent: name }), make("td", { textContent: text })))));
    const { clientX: x, clientY: y } = event, { offsetWidth: wide, offsetHeight: high } = bubble;
    bubble.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - wide - 6))}px`;
    bubble.style.top = `${y + 16 + high > innerHeight ? Math.max(4, y - high - 12) : y + 16}px`;
  };

  // `blanks`: what a specification leaves open, as "$name".
  const specOf = (id, blanks = {}) => JSON.parse(byId(id).textContent, (name, value) =>
    (typeof value === "string" && value[0] === "$" && value.slice(1) in blanks ? blanks[value.slice(1)] : value));
  // A drawing takes no time but promises: none waits for anything but the script itself.
  const views = new Map(), turns = new Map();
  const clear = (box) => {
    turns.set(box, (turns.get(box) ?? 0) + 1);
    views.get(box)?.finalize();
    views.delete(box);
  };
  const plot = async (box, spec, datasets, alt) => {
    clear(box);
    const turn = turns.get(box), place = make("div", { className: "plot" });
    box.replaceChildren(place);
    const width = printing ? 640 : box.clientWidth;
    const whole = { ...spec, ...(printing ? { width } : {}), datasets: { ...spec.datasets, ...datasets } };
    const { view } = await vegaEmbed(place, whole, { renderer: "svg", actions: false, config: config(width), tooltip: point });
    if (turns.get(box) !== turn) return;
    view.addEventListener("click", (event, item) => {
      const name = item?.datum?.representation;
      if (hasHighlight(view) && name) set({ hi: asked("hi") === name ? "" : name });
    });
    views.set(box, view);
    light(view);
    await view.runAsync();
    all("svg", place).forEach((svg) => svg.setAttribute("aria-label", alt));
  };
  const hasHighlight = (view) => { try { view.signal("hi"); return true; } catch { return false; } };
  const light = (view) => { if (hasHighlight(view)) view.signal("hi", asked("hi")); };

  // What the page makes of rows itself, by kind; a function of the box and its rows.
  const makers = {};
  const sentence = (box, text) => {
    clear(box);
    box.replaceChildren(make("p", { className: "note", textContent: text }));
  };
  let printing = false;
  const drawn = new Set();
  const draw = (box) => {
    if (drawn.has(box)) return undefined;
    drawn.add(box);
    const { key, made, alt } = box.dataset;
    if (made) return makers[made](box, rowsOf(key));
    return plot(box, specOf(`spec-${key}`), { rows: rowsOf(key) }, alt);
  };
  const seen = (box) => !box.closest("[hidden]");
  const drawAll = () => Promise.all(all(".chart").filter(seen).map(draw));
  listen((changed) => {
    if (changed.has("hi") && changed.size === 1) {
      views.forEach((view) => { light(view); view.run(); });
      return;
    }
    all(".chart[data-made]").forEach((box) => drawn.delete(box));
    drawAll();
  });
