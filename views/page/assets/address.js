// The address holds what a reader has chosen. Whatever is clicked changes it, and everything else
// follows from it; so links, reloads and the back button show the same view.
window.fraudstream = (function () {
  const FILTERS = ["severity", "country", "browser", "source", "device_id", "state"];
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  const params = () => new URLSearchParams(window.location.search);

  function go(changes) {
    const next = params();
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    const search = next.toString();
    if (search === params().toString()) return;
    window.history.pushState({}, "", window.location.pathname + (search ? "?" + search : ""));
    // Dash listens to this one, as for the back button.
    window.dispatchEvent(new PopStateEvent("popstate"));
    sync();
  }

  const DAY = 86400000;
  const iso = (ms) => {
    const text = new Date(ms).toISOString();
    return ms % DAY === 0 ? text.slice(0, 10) : text.slice(0, 16) + "Z";
  };

  // The fields hold whole days, the last one included; the address ends with the day after it.
  const FIELDS = { from: ["From", 0], to: ["to", DAY] };
  const day = (name) => {
    const at = Date.parse(params().get(name));
    return Number.isNaN(at) ? "" : new Date(at - (FIELDS[name][1] && 1)).toISOString().slice(0, 10);
  };

  function dates() {
    const place = document.getElementById("dates");
    if (!place) return;
    for (const [name, [title, more]] of Object.entries(FIELDS)) {
      let field = document.getElementById(`${name}-date`);
      if (!field) {
        field = document.createElement("input");
        Object.assign(field, { type: "date", id: `${name}-date`, min: "1970-01-01" });
        const label = document.createElement("label");
        label.className = "field";
        label.append(title, field);
        place.append(label);
        field.addEventListener("change", () => {
          const at = Date.parse(field.value);
          // While a year is being typed it is one of the first centuries.
          if (field.value && !(at >= 0)) return;
          go({ [name]: field.value ? iso(at + more) : "", range: "" });
        });
      }
      if (document.activeElement !== field && field.value !== day(name)) field.value = day(name);
    }
  }

  const holds = (given, set) =>
    Object.entries(set).every(([name, value]) => (given.get(name) || "") === value);

  // Puts the address into what shows it.
  function sync() {
    const given = params();
    dates();
    for (const one of document.querySelectorAll("[data-set][aria-pressed]")) {
      one.setAttribute("aria-pressed", String(holds(given, JSON.parse(one.dataset.set))));
    }
    for (const one of document.querySelectorAll("select[data-param]")) {
      const value = given.get(one.dataset.param) || one.dataset.usual || "";
      if (one.value !== value) one.value = value;
      if (one.dataset.param === "profile") one.parentElement.hidden = one.options.length < 2;
    }
    for (const one of document.querySelectorAll("[data-csv]")) {
      const href = `/page/${one.dataset.csv}.csv${window.location.search}`;
      if (one.getAttribute("href") !== href) one.setAttribute("href", href);
    }
    const choice = document.documentElement.dataset.theme || "system";
    for (const one of document.querySelectorAll("[data-theme-choice]")) {
      one.setAttribute("aria-pressed", String(one.dataset.themeChoice === choice));
    }
  }

  function show(changes) {
    const narrowed = FILTERS.some((name) => name in changes && changes[name]);
    go({ ...changes, ...(FILTERS.some((name) => name in changes) ? { rows: "" } : {}) });
    if (!narrowed) return;
    const feed = document.getElementById("feed-title");
    const box = feed && feed.getBoundingClientRect();
    if (box && (box.bottom < 0 || box.top > window.innerHeight)) {
      feed.scrollIntoView({ behavior: still.matches ? "auto" : "smooth", block: "start" });
    }
  }

  function look(choice) {
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    try {
      if (choice === "system") localStorage.removeItem("fraudstream-theme");
      else localStorage.setItem("fraudstream-theme", choice);
    } catch {
      // Then the choice lasts as long as the page.
    }
    redraw();
    sync();
  }

  let looks = 0;
  function redraw() {
    if (window.dash_clientside && window.dash_clientside.set_props) {
      window.dash_clientside.set_props("theme", { data: ++looks });
    }
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-set], [data-theme-choice], [data-png]");
    const plain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!target || !plain) return;
    if (target.dataset.themeChoice) look(target.dataset.themeChoice);
    else if (target.dataset.png) window.fraudstream.picture(target.dataset.png);
    else {
      event.preventDefault();
      const set = JSON.parse(target.dataset.set);
      const off = target.dataset.toggle && target.getAttribute("aria-pressed") === "true";
      show(off ? Object.fromEntries(Object.keys(set).map((name) => [name, ""])) : set);
    }
  });

  document.addEventListener("change", (event) => {
    const name = event.target.dataset && event.target.dataset.param;
    if (!name) return;
    const changes = { [name]: event.target.value };
    if (name === "profile") for (const one of FILTERS) changes[one] = "";
    show(changes);
  });

  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      sync();
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  return { params, go, show, iso, FILTERS };
})();
