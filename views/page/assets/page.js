// What runs in the browser of what Dash calls: views/page/callbacks.py names each of these.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.page = (function () {
  const { params, go, show, iso, patch, FILTERS } = window.fraudstream;
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

  function split(_, ...old) {
    const PERIOD = ["profile", "range", "from", "to"];
    const now = [
      part([...PERIOD, "bucket", "map"]),
      part([...PERIOD, ...FILTERS, "rows"]),
      params().get("alert") ? part(["profile", "alert"]) : "",
    ];
    return now.map((one, at) => (one === (old[at] ?? "") ? same() : one));
  }

  // Dash forgets an answer that it no longer waits for, so all who wait share one.
  let asked = null;
  let answered = "";
  async function beat(_, view, revision, ...shown) {
    if (document.hidden && revision) return Array(7).fill(same());
    asked = asked || ask().finally(() => (asked = null));
    const found = await asked;
    const [now, ...rest] = told(found, revision);
    // Dash draws again what it is given, even where that is the same.
    return [now, ...rest.map((one, at) => (one === shown[at] ? same() : one))];
  }

  async function ask() {
    try {
      const response = await fetch("/page/state" + part(["profile"]), {
        headers: { Accept: "application/json" },
      });
      if (response.status === 401) window.location.assign("/login");
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  // Revision; mode and its look; last event; lag; banner and whether it is hidden.
  function told(state, revision) {
    const since = answered ? ` What is shown is from ${answered} UTC.` : " Trying again.";
    if (!state) {
      return [same(), "Offline", "state state-down", same(), "",
        `The server does not answer.${since}`, false];
    }
    if (state.revision === undefined) {
      return [same(), "Unavailable", "state state-down", same(), "", state.detail + since, false];
    }
    answered = new Date().toISOString().slice(11, 19);
    const lag = state.lag ? `${state.lag.toLocaleString("en")} messages behind` : "up to date";
    const complete = state.complete_from ? `Complete since ${state.complete_from} UTC.` : "";
    const banner = [state.detail, complete].filter(Boolean).join(" ");
    return [
      state.revision === revision ? same() : state.revision,
      state.live ? "Live" : "File",
      state.live ? "state state-live" : "state state-file",
      state.last_event ? `last event ${state.last_event} UTC` : "no event yet",
      state.live && state.lag !== null ? lag : "",
      banner,
      banner === "",
    ];
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

  // Puts what a callback gave into its places.
  const put = new Map();
  function place(found) {
    for (const [id, nodes] of Object.entries((found && found.places) || {})) {
      const text = JSON.stringify(nodes);
      if (put.get(id) === text) continue;
      put.set(id, text);
      patch(document.getElementById(id), nodes);
    }
  }

  function draw(name, figure, change) {
    if (!figure) return same();
    tables[name] = figure.table;
    fill(name);
    const paint = colours();
    const { data, layout } = painted(figure, paint);
    paint.done();
    if (window.innerWidth < 600) {
      for (const one of ["xaxis", "xaxis2"]) {
        if (layout[one] && layout[one].nticks) layout[one].nticks = 5;
      }
    }
    if (change) change(data);
    return { data, layout };
  }

  function overview(found) {
    if (!found) return same();
    place(found);
    if (found.state) document.getElementById("main").dataset.state = found.state;
    return draw("trend", found.charts.trend);
  }

  function breakdowns(found, theme, wanted) {
    if (!found) return [same(), same()];
    place(found);
    const country = new URLSearchParams(wanted || "").get("country");
    const map = draw("map", found.charts.map, (data) => {
      const ring = data[data.length - 1];
      const known = data.some((one) => one.locations.includes(country));
      ring.locations = known ? [country] : [];
      ring.z = ring.locations.map(() => 0);
    });
    return [map, draw("people", found.charts.people)];
  }

  function quality(found) {
    if (!found) return same();
    place(found);
    return draw("performance", found.charts.performance);
  }

  // No month has more than 31 days, so its beginning and these lie in the next one.
  const HOURS = { hour: 1, day: 24, week: 168, month: 744 };
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

  function zoomed(event, found) {
    const figure = found && found.charts.trend;
    if (!event || !figure || !figure.bucket) return;
    const range = event["xaxis.range"] || [event["xaxis.range[0]"], event["xaxis.range[1]"]];
    if (event["xaxis.autorange"] || !range[0]) return;
    const [from, to] = range.map((one) => moment(String(one)));
    const start = bucketStart(from, figure.bucket);
    let end = bucketStart(to, figure.bucket);
    if (end < to) end = bucketStart(end + HOURS[figure.bucket] * HOUR, figure.bucket);
    if (end > start) go({ from: iso(start), to: iso(end), range: "", bucket: "" });
  }

  function picked(event) {
    const code = event && event.points && event.points[0] && event.points[0].location;
    if (!code) return;
    show({ country: params().get("country") === code ? "" : code });
  }

  // New alerts are said politely, and marked; another filter or period is no news.
  let known = null;
  function alerts(found) {
    if (!found) return;
    place(found);
    const asked = part(["profile", "range", "from", "to", ...FILTERS, "rows"]);
    const old = known;
    known = { asked, ids: new Set(found.news.map((one) => one.id)) };
    if (!old || old.asked !== asked) return;
    const first = found.news.findIndex((one) => old.ids.has(one.id));
    const fresh = found.news.slice(0, first < 0 ? found.news.length : first);
    if (!fresh.length) return;
    const count = fresh.length === 1 ? "New alert" : `${fresh.length} new alerts, the latest`;
    document.getElementById("announcer").textContent = `${count}: ${fresh[0].text}`;
    const ids = new Set(fresh.map((one) => one.id));
    for (const one of document.querySelectorAll("#feed a[data-set]")) {
      if (ids.has(JSON.parse(one.dataset.set).alert)) {
        one.parentElement.classList.add("fresh");
        setTimeout(() => one.parentElement.classList.remove("fresh"), 4000);
      }
    }
  }

  let openFor = "";
  function details(opened, found) {
    const dialog = document.getElementById("drawer");
    const news = window.dash_clientside.callback_context.triggered.some((one) =>
      one.prop_id.startsWith("details"),
    );
    if (news) place(found);
    if (!opened) {
      openFor = "";
      if (dialog.open) dialog.close();
      return;
    }
    if (news) delete dialog.dataset.loading;
    else if (opened !== openFor) dialog.dataset.loading = "1";
    openFor = opened;
    if (dialog.open) return;
    // The browser keeps focus inside, closes on Escape, and gives focus back.
    dialog.showModal();
    if (dialog.dataset.heard) return;
    dialog.dataset.heard = "1";
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      go({ alert: "" });
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) go({ alert: "" });
    });
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

  return { split, beat, overview, breakdowns, quality, alerts, details, zoomed, picked };
})();
