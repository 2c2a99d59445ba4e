// Buttons of a case: what is chosen is sent, and the page follows as soon as the store has it.
(function () {
  const say = (text) => {
    document.getElementById("case-said").textContent = text;
  };
  const WHO = "fraudstream-who";

  function remembered() {
    try {
      return localStorage.getItem(WHO) || "";
    } catch {
      return "";
    }
  }

  function given(form) {
    const found = {};
    for (const one of form.querySelectorAll("[data-case-field]")) {
      found[one.dataset.caseField] = one.value.trim();
    }
    try {
      localStorage.setItem(WHO, found.who);
    } catch {
      // Then it is written anew each time.
    }
    return found;
  }

  async function send(button) {
    const form = button.closest("[data-event]");
    const { event, profile, revision } = form.dataset;
    if (form.dataset.sending) return;
    form.dataset.sending = "1";
    say("Saving …");
    try {
      const response = await fetch(
        `/cases/${encodeURIComponent(event)}?profile=${encodeURIComponent(profile)}`,
        {
          method: "PUT",
          headers: { "Content-Type": "application/json", "If-Match": `"${revision}"` },
          body: JSON.stringify({ state: button.dataset.case, ...given(form) }),
        },
      );
      const answer = await response.json();
      if (response.status === 401) window.location.assign("/login");
      else if (response.status === 412) {
        say("Somebody else has changed it meanwhile: look at it, and choose again.");
      } else say(response.ok ? `Saved: ${answer.state.replace("_", " ")}.` : `${answer.detail}.`);
    } catch {
      say("The server does not answer: nothing is known to be saved, choose again.");
    } finally {
      delete form.dataset.sending;
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-case]");
    if (button) send(button);
  });
  document.addEventListener("focusin", (event) => {
    const field = event.target;
    if (field.dataset && field.dataset.caseField === "who" && !field.value) {
      field.value = remembered();
    }
  });
  // What was said of one alert is not said of another.
  window.addEventListener("popstate", () => {
    if (document.getElementById("case-said")) say("");
  });
})();
