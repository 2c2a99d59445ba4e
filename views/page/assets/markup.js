// Puts the lists of views/page/markup.py into the page, changing only what differs: a node with an
// id stays the same node wherever it moves, so focus, scrolling and selections stay too.
window.fraudstream.patch = (function () {
  // Set by address.js from the address, where something changes that.
  const ours = (name, attributes) => name === "aria-pressed" && "data-set" in attributes;

  function make([tag, attributes]) {
    const node = document.createElement(tag);
    node.given = {};
    const pressed = attributes["aria-pressed"];
    if (pressed !== undefined) node.setAttribute("aria-pressed", pressed);
    return node;
  }

  function dress(node, attributes) {
    const old = node.given || {};
    for (const name of Object.keys(old)) {
      if (!(name in attributes)) node.removeAttribute(name);
    }
    for (const [name, value] of Object.entries(attributes)) {
      if (ours(name, attributes)) continue;
      if (name === "style") Object.assign(node.style, value);
      else if (old[name] !== value) node.setAttribute(name, value);
    }
    node.given = attributes;
  }

  return function patch(place, wanted) {
    const known = new Map();
    for (const node of place.children) if (node.id) known.set(node.id, node);
    let at = place.firstChild;
    for (const one of wanted) {
      let node = null;
      if (typeof one === "string") {
        node = at && at.nodeType === Node.TEXT_NODE ? at : document.createTextNode("");
        if (node.data !== one) node.data = one;
      } else {
        const [tag, attributes, children] = one;
        if (attributes.id) node = known.get(attributes.id);
        else if (at && at.nodeType === Node.ELEMENT_NODE && !at.id) node = at;
        if (!node || node.localName !== tag) node = make(one);
        dress(node, attributes);
        patch(node, children);
      }
      if (node === at) at = at.nextSibling;
      else place.insertBefore(node, at);
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };
})();
