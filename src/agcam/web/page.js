// What the page does in the browser: give a picture, press a class, hold its state in the address.
(() => {
  // Resolved once the state that a link holds is on the page: a picture given before waits for it.
  let start;
  const started = new Promise((resolve) => { start = resolve; });

  const LIMIT_WORDS = "This is not a picture file.";

  function setUp(root, send) {
    const trigger = (data) => started.then(() => send(data));
    const status = () => root.querySelector(".ag-status");
    const say = (text) => { const place = status(); if (place) place.textContent = text; };

    async function give(file) {
      if (!file) return;
      if (file.type && !file.type.startsWith("image/")) { say(LIMIT_WORDS); trigger({ error: LIMIT_WORDS }); return; }
      say("Sending the picture ...");
      try {
        const name = encodeURIComponent(file.name || "picture");
        const answer = await fetch("pictures?name=" + name, { method: "POST", body: file, credentials: "same-origin" });
        const told = await answer.json();
        trigger(answer.ok ? { picture: told.picture } : { error: told.error });
      } catch {
        trigger({ error: "The picture could not be sent; is the server still there?" });
      }
      say("");
    }

    root.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.open) root.querySelector(`input[data-input=${button.dataset.open}]`).click();
      if (button.dataset.example) trigger({ example: button.dataset.example });
    });
    root.addEventListener("change", (event) => {
      if (event.target.type === "file") { give(event.target.files[0]); event.target.value = ""; }
    });
    document.addEventListener("paste", (event) => {
      const file = [...(event.clipboardData?.files || [])][0];
      if (file) { event.preventDefault(); give(file); }
    });
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      root.classList.add("ag-over");
    });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) root.classList.remove("ag-over"); });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      root.classList.remove("ag-over");
      if (event.dataTransfer.files.length) give(event.dataTransfer.files[0]);
      else trigger({ error: "Only picture files are taken, not addresses: save the picture and drop the file." });
    });
  }

  function classes(root, trigger, watch) {
    let pressed = null;
    let held = null;
    const classOf = (event) => event.target.closest("button[data-target]");
    const ask = (button) => {
      pressed = button.dataset.target;
      trigger("asked", { index: Number(pressed) });
    };
    root.addEventListener("click", (event) => { if (classOf(event)) ask(classOf(event)); });
    // the list may be drawn anew while a finger is down: the browser then sends no click
    root.addEventListener("pointerdown", (event) => { held = classOf(event); });
    root.addEventListener("pointerup", (event) => {
      const button = classOf(event);
      if (button && held && !held.isConnected && button.dataset.target === held.dataset.target) ask(button);
      held = null;
    });
    watch("value", () => {  // the list was drawn anew: the keyboard stays where it was
      if (pressed !== null) root.querySelector(`button[data-target="${pressed}"]`)?.focus({ preventScroll: true });
      pressed = null;
    });
  }

  function link(root, watch) {
    const keep = () => {
      const share = root.querySelector(".ag-share-link");
      if (share) history.replaceState(null, "", share.getAttribute("href"));
    };
    watch("value", keep);
  }

  window.agcam = { start, setUp, classes, link };
})();
