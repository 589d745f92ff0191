  // What is asked for, at the top of the page and in its filters, is in the URL:
  // #PLACE?name=value&…, without what is as it was at first. The back button undoes a choice.
  const read = () => {
    const [place, query = ""] = location.hash.slice(1).split("?");
    return { place, values: Object.fromEntries(new URLSearchParams(query)) };
  };
  let { place, values } = read();
  const asked = (name) => values[name] ?? page.asked[name] ?? "";
  const listeners = [];
  const listen = (heard) => { listeners.push(heard); };
  const tell = (changed) => listeners.forEach((heard) => heard(changed));
  const url = () => {
    const query = new URLSearchParams(values).toString();
    return `#${place}${query ? `?${query}` : ""}`;
  };
  // `quietly`: typing a word letter by letter is not a step back each.
  const set = (changes, quietly = false) => {
    const before = { ...values };
    Object.entries(changes).forEach(([name, value]) => {
      if (value === "" || value === (page.asked[name] ?? "")) delete values[name];
      else values[name] = value;
    });
    if (JSON.stringify(before) === JSON.stringify(values)) return;
    history[quietly ? "replaceState" : "pushState"](null, "", url());
    tell(new Set(Object.keys(changes)));
  };
  const go = (to) => {
    if (to !== place) {
      place = to;
      history.pushState(null, "", url());
    }
    arrive();
  };
  const arrive = () => {
    const target = place && byId(place);
    showTabOf(target);
    if (target && target.getAttribute("role") !== "tabpanel") target.scrollIntoView();
  };
  window.addEventListener("popstate", () => {
    const now = read(), changed = new Set([...Object.keys(values), ...Object.keys(now.values)]);
    const moved = now.place !== place;
    ({ place, values } = now);
    changed.forEach((name) => { if (name === "") changed.delete(name); });
    tell(changed);
    if (moved) arrive();
  });

  // Whether a protocol ranks the whole gallery.
  const isWhole = (protocol) => protocol === "full" || protocol === "grouped";

  // The choices at the top. A measure without a K, and the whole gallery, leave K and C without use.
  const top = byId("asked");
  const showAsked = () => {
    [...top.elements].forEach((one) => { if (one.name) one.value = asked(one.name); });
    top.elements.k.disabled = asked("measure") === "mrr";
    if (top.elements.c) top.elements.c.disabled = isWhole(asked("protocol"));
  };
  top.addEventListener("change", (event) => set({ [event.target.name]: event.target.value }));
  top.addEventListener("submit", (event) => event.preventDefault());
  listen(showAsked);

  const chosenK = () => (asked("measure") === "mrr" ? null : Number(asked("k")));
  const ofMeasure = (row) => row.measure === asked("measure") && (row.k ?? null) === chosenK();
  // The protocol and C that rows have, as near to what is asked for as there is.
  const chosenProtocol = (rows) => {
    const there = new Set(rows.map((row) => row.protocol));
    return there.has(asked("protocol")) ? asked("protocol") : ["expected", "sampled", "full", "grouped_expected", "grouped_sampled", "grouped"].find((one) => there.has(one));
  };
  const chosenC = (rows, protocol) => {
    const sizes = [...new Set(rows.filter((row) => row.protocol === protocol).map((row) => row.candidates))];
    const wanted = Number(asked("c"));
    return sizes.sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted) || b - a)[0];
  };
  const poolName = (protocol, c) => words.protocols[protocol] + (isWhole(protocol) ? "" : `, C = ${counted(c)}`);
