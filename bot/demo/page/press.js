// Between pressing and releasing a button the page must not change: a button drawn anew in that moment is never clicked.

let pressed = false;
let waiting = [];

/** Does `change` now, or once the press that is under way has become a click; in the order asked for. */
export function afterPress(change) {
  if (pressed || waiting.length) waiting.push(change);
  else change();
}

function release() {
  pressed = false;
  // The click comes right after the release, before any timer.
  setTimeout(() => {
    if (pressed) return;
    const changes = waiting;
    waiting = [];
    for (const change of changes) change();
  });
}

addEventListener("pointerdown", () => { pressed = true; }, true);
for (const end of ["pointerup", "pointercancel", "dragend", "blur"]) addEventListener(end, release, true);
