// What runs in the browser of what Dash calls: views/page/callbacks.py names each of these.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.page = (function () {
  const { params, go, show, FILTERS } = window.fraudstream;
  const same = () => window.dash_clientside.no_update;
  const HOUR = 3600000;
  const DAY = 24 * HOUR;

  // Part of the address, in an order of its own.
  function part(names) {
    const given = params();
    const found = new URLSearchParams();
    for (const name of names) if (given.get(name)) found.set(name, given.get(name));
    return "?" + found.toString();
  }

  const iso = (ms) => {
    const text = new Date(ms).toISOString();
    return ms % DAY === 0 ? text.slice(0, 10) : text.slice(0, 16) + "Z";
  };

  // The fields hold whole days, the last one included.
  function days() {
    const given = params();
    const from = Date.parse(given.get("from"));
    const to = Date.parse(given.get("to"));
    return [
      Number.isNaN(from) ? "" : new Date(from).toISOString().slice(0, 10),
      Number.isNaN(to) ? "" : new Date(to - 1).toISOString().slice(0, 10),
    ];
  }

  function split(_, view, wanted, opened) {
    const PERIOD = ["profile", "range", "from", "to"];
    const now = [
      part([...PERIOD, "bucket", "map"]),
      part([...PERIOD, ...FILTERS, "rows"]),
      params().get("alert") ? part(["profile", "alert"]) : "",
    ];
    const old = [view, wanted, opened];
    return [...now.map((one, at) => (one === old[at] ? same() : one)), ...days()];
  }

  let asking = false;
  let answered = "";
  async function beat(_, view, revision) {
    const nothing = Array(7).fill(same());
    if (asking || (document.hidden && revision)) return nothing;
    asking = true;
    try {
      const response = await fetch("/page/state" + part(["profile"]), {
        headers: { Accept: "application/json" },
      });
      if (response.status === 401) {
        window.location.assign("/login");
        return nothing;
      }
      if (!response.ok) throw new Error(String(response.status));
      const state = await response.json();
      const down = !state.ready && state.revision === undefined;
      if (!down) answered = new Date().toISOString().slice(11, 19);
      return [
        down || state.revision === revision ? same() : state.revision,
        ...changed(state, down),
      ];
    } catch {
      const since = answered ? ` What is shown is from ${answered} UTC.` : "";
      return [
        same(),
        ...differing("Offline", "state state-down", same(), same(),
          `The server does not answer; trying again.${since}`, false),
      ];
    } finally {
      asking = false;
    }
  }

  function changed(state, down) {
    const mode = down ? "Unavailable" : state.live ? "Live" : "File";
    const look = down ? "down" : state.live ? "live" : "file";
    let lag = "";
    if (!down && state.lag !== null && state.live) {
      lag = state.lag === 0 ? "up to date" : `${state.lag.toLocaleString("en")} messages behind`;
    }
    const said = [state.detail];
    if (down) said.push(answered ? `What is shown is from ${answered} UTC.` : "Trying again.");
    else if (state.complete_from) said.push(`Complete since ${state.complete_from} UTC.`);
    const banner = said.filter(Boolean).join(" ");
    return differing(
      mode, `state state-${look}`,
      down ? same() : state.last_event ? `last event ${state.last_event} UTC` : "no event yet",
      lag, banner, banner === "",
    );
  }

  // Dash draws again what it is given, even where that is the same.
  let shown = [];
  function differing(...values) {
    const found = values.map((one, at) => (one === shown[at] ? same() : one));
    shown = values.map((one, at) => (one === same() ? shown[at] : one));
    return found;
  }

  // Colours are names of properties of page.css; a probe says what they are in this theme.
  function colours() {
    const probe = document.createElement("span");
    probe.hidden = true;
    document.body.appendChild(probe);
    const known = new Map();
    return {
      of(name) {
        if (!known.has(name)) {
          probe.style.color = `var(${name})`;
          known.set(name, getComputedStyle(probe).color);
        }
        return known.get(name);
      },
      done: () => probe.remove(),
    };
  }

  function painted(value, paint) {
    if (typeof value === "string") return value.startsWith("--") ? paint.of(value) : value;
    if (Array.isArray(value)) return value.map((one) => painted(one, paint));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, painted(v, paint)]));
    }
    return value;
  }

  // Tables of charts are made when somebody looks at them.
  const tables = {};
  function fill(name) {
    const place = document.getElementById(`${name}-table`);
    if (!place || !place.parentElement.open || !tables[name]) return;
    const row = (cells, tag) => {
      const made = document.createElement("tr");
      cells.forEach((text, at) => {
        const cell = document.createElement(at === 0 ? "th" : tag);
        if (at > 0) cell.className = "number";
        if (tag === "th") cell.scope = "col";
        else if (at === 0) cell.scope = "row";
        cell.textContent = text;
        made.append(cell);
      });
      return made;
    };
    const table = document.createElement("table");
    table.className = "plain";
    table.createTHead().append(row(tables[name].heads, "th"));
    table.createTBody().append(...tables[name].rows.map((cells) => row(cells, "td")));
    place.replaceChildren(table);
  }
  document.addEventListener("toggle", (event) => {
    if (event.target.dataset.table) fill(event.target.dataset.table);
  }, true);

  function draw(figure) {
    if (!figure) return same();
    const name = window.dash_clientside.callback_context.outputs_list.id;
    tables[name] = figure.table;
    fill(name);
    const paint = colours();
    const { data, layout } = painted(figure, paint);
    paint.done();
    if (window.innerWidth < 600) {
      for (const name of ["xaxis", "xaxis2"]) {
        if (layout[name]) layout[name] = { ...layout[name], nticks: layout[name].nticks && 5 };
      }
    }
    return { data, layout };
  }

  function drawMap(figure, theme, wanted) {
    const drawn = draw(figure);
    if (drawn === same() || !drawn.data.length) return drawn;
    const country = new URLSearchParams(wanted || "").get("country");
    const known = drawn.data.some((one) => one.locations && one.locations.includes(country));
    const last = drawn.data[drawn.data.length - 1];
    last.locations = country && known ? [country] : [];
    last.z = last.locations.map(() => 0);
    return drawn;
  }

  const moment = (text) => Date.parse(text.length > 10 ? text.replace(" ", "T") + "Z" : text);

  function bucketStart(ms, bucket) {
    if (bucket === "month") {
      const at = new Date(ms);
      return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1);
    }
    const length = { hour: HOUR, day: DAY, week: 7 * DAY }[bucket] || HOUR;
    const monday = bucket === "week" ? 4 * DAY : 0;
    return Math.floor((ms - monday) / length) * length + monday;
  }

  function zoomed(event, figure) {
    if (!event || !figure) return;
    const range = event["xaxis.range"] || [event["xaxis.range[0]"], event["xaxis.range[1]"]];
    if (event["xaxis.autorange"] || !range[0]) return;
    const [from, to] = range.map((one) => moment(String(one)));
    const start = bucketStart(from, figure.bucket);
    let end = bucketStart(to, figure.bucket);
    if (end < to) end = bucketStart(end + { hour: 1, day: 24, week: 168, month: 744 }[figure.bucket] * HOUR, figure.bucket);
    if (end > start) go({ from: iso(start), to: iso(end), range: "", bucket: "" });
  }

  function picked(event) {
    const code = event && event.points && event.points[0] && event.points[0].location;
    if (!code) return;
    show({ country: params().get("country") === code ? "" : code });
  }

  function dated(from, to) {
    const [shownFrom, shownTo] = days();
    const changes = {};
    if ((from || "") !== shownFrom) changes.from = from || "";
    if ((to || "") !== shownTo) changes.to = to ? iso(Date.parse(to) + DAY) : "";
    if (Object.keys(changes).length) go({ ...changes, range: "" });
  }

  // New alerts are said politely, and marked; another filter or period is no news.
  let known = null;
  function announce(alerts) {
    const asked = part(["profile", "range", "from", "to", ...FILTERS, "rows"]);
    const old = known;
    known = { asked, ids: new Set((alerts || []).map(([id]) => id)) };
    if (!old || old.asked !== asked || !alerts) return same();
    const first = alerts.findIndex(([id]) => old.ids.has(id));
    const fresh = alerts.slice(0, first < 0 ? alerts.length : first);
    if (!fresh.length) return same();
    requestAnimationFrame(() => requestAnimationFrame(() => mark(fresh)));
    const count = fresh.length === 1 ? "New alert" : `${fresh.length} new alerts, the latest`;
    return `${count}: ${fresh[0][1]}`;
  }

  function mark(fresh) {
    const ids = new Set(fresh.map(([id]) => id));
    for (const one of document.querySelectorAll("#feed a[data-set]")) {
      if (ids.has(JSON.parse(one.dataset.set).alert)) {
        one.parentElement.classList.add("fresh");
        setTimeout(() => one.parentElement.classList.remove("fresh"), 4000);
      }
    }
  }

  let openFor = "";
  function open(opened) {
    const dialog = document.getElementById("drawer");
    if (!dialog) return;
    const news = window.dash_clientside.callback_context.triggered.some((one) =>
      one.prop_id.startsWith("drawer-content"),
    );
    if (!opened) {
      openFor = "";
      if (dialog.open) dialog.close();
      return;
    }
    if (opened !== openFor && !news) dialog.dataset.loading = "1";
    else delete dialog.dataset.loading;
    openFor = opened;
    if (dialog.open) return;
    // The browser keeps focus inside, closes on Escape, and gives focus back.
    dialog.showModal();
    if (!dialog.dataset.heard) {
      dialog.dataset.heard = "1";
      dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        go({ alert: "" });
      });
      dialog.addEventListener("click", (event) => {
        if (event.target === dialog) go({ alert: "" });
      });
    }
  }

  window.fraudstream.picture = function (name) {
    const graph = document.querySelector(`#${name} .js-plotly-plot`);
    if (!graph || !window.Plotly) return;
    const title = document.getElementById(`${name}-title`).textContent;
    const period = document.querySelector("#period strong");
    const margin = graph.layout.margin || {};
    const layout = {
      ...graph.layout,
      title: {
        text: `<b>${title}</b>  ${period ? period.textContent + " UTC" : ""}`,
        x: 0.02, y: 0.97, yanchor: "top", font: { size: 14 },
      },
      margin: { ...margin, t: (margin.t || 0) + 34 },
    };
    window.Plotly.downloadImage(
      { data: graph.data, layout, config: { displayModeBar: false } },
      {
        format: "png", scale: 2, filename: `fraudstream-${name}`,
        width: graph.clientWidth, height: graph.clientHeight + 34,
      },
    );
  };

  return { split, beat, draw, drawMap, zoomed, picked, dated, announce, open };
})();
