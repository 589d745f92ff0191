  // The subjects, if there are several.
  const tabs = all('[role="tab"]');
  const panelOf = (tab) => byId(tab.getAttribute("aria-controls"));
  const showTabOf = (target) => {
    const wanted = tabs.find((tab) => target && panelOf(tab).contains(target)) ?? tabs[0];
    tabs.forEach((tab) => {
      const mine = tab === wanted;
      tab.setAttribute("aria-selected", mine);
      tab.tabIndex = mine ? 0 : -1;
      panelOf(tab).hidden = !mine;
    });
    markScrolls();
    showPairs();
    return drawAll();
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => go(tab.getAttribute("aria-controls")));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = step && tabs[(at + step + tabs.length) % tabs.length];
      if (next) { go(next.getAttribute("aria-controls")); next.focus(); }
    });
  });
  all('a[href^="#"]').forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    const to = link.getAttribute("href").slice(1);
    if (to === place) arrive(); else go(to);
  }));
