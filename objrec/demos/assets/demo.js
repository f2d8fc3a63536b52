// Lets the reader leaf through the frames of a player. Without it the last frame is shown.
"use strict";

const WHOLE = 6000; // milliseconds that playing all frames takes, if none is too short or long

for (const player of document.querySelectorAll(".player")) {
  const frames = [...player.querySelectorAll(".frame")];
  if (frames.length < 2) continue;
  const last = frames.length - 1;
  const play = Object.assign(document.createElement("button"), { type: "button", textContent: "play" });
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: last, value: last });
  const said = document.createElement("output");
  slider.setAttribute("aria-label", player.dataset.label);
  said.setAttribute("aria-live", "off"); // the slider says it already
  const controls = document.createElement("div");
  controls.className = "controls";
  controls.append(play, slider, said);
  player.prepend(controls);

  let at = last;
  function show(wanted) {
    // Frames that are too wide scroll sideways, and all to the same place.
    const left = frames[at].scrollLeft;
    at = wanted;
    frames.forEach((frame, i) => { frame.hidden = i !== at; });
    frames[at].scrollLeft = left;
    slider.value = at;
    said.textContent = frames[at].dataset.caption;
    slider.setAttribute("aria-valuetext", said.textContent);
  }

  let timer = null;
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "play";
  }
  play.onclick = () => {
    if (timer) return stop();
    show(at === last ? 0 : at);
    play.textContent = "pause";
    timer = setInterval(() => {
      show(at + 1);
      if (at === last) stop();
    }, Math.min(700, Math.max(120, WHOLE / last)));
  };
  slider.oninput = () => { stop(); show(Number(slider.value)); };
  show(last);
}
