  // Chinese has no spaces, so a line may break anywhere: only between words, where the browser knows them.
  const chinese = document.documentElement.lang.startsWith("zh") && "Segmenter" in Intl;
  const segmenter = chinese ? new Intl.Segmenter(document.documentElement.lang, { granularity: "word" }) : null;
  const han = /\p{Script=Han}{2}/u;
  const parted = (node) => {
    const parts = [...segmenter.segment(node.data)], found = [];
    parts.forEach((part, at) => {
      // Before a comma no line may break.
      if (at && part.isWordLike && parts[at - 1].isWordLike) found.push(make("wbr"));
      found.push(part.segment);
    });
    if (found.some((one) => typeof one !== "string")) node.replaceWith(...found);
  };
  const partAll = (from) => {
    const walker = document.createTreeWalker(from, NodeFilter.SHOW_TEXT, (node) => (
      !han.test(node.data) || node.parentElement?.closest("script, style, svg, pre, code, option, output") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT));
    const nodes = [];
    while (walker.nextNode()) nodes.push(walker.currentNode);
    if (from.nodeType === Node.TEXT_NODE && han.test(from.data)) nodes.push(from);
    nodes.filter((node) => node.parentElement).forEach(parted);
  };
  if (chinese) {
    document.documentElement.classList.add("whole-words");
    partAll(document.body);
    new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach((node) => {
      if (node.nodeType === Node.TEXT_NODE ? node.parentElement && !node.parentElement.closest("svg, pre, code, option, output") : node.nodeType === Node.ELEMENT_NODE && !node.closest("svg")) partAll(node);
    }))).observe(document.body, { childList: true, subtree: true });
  }
