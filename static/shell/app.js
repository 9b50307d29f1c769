// Progressive enhancement only: every action also works as a plain link or form.
// All listeners sit on the document, so that they hold for what arrives later in a dialog.

const YEAR_IN_SECONDS = 31536000;
const REFRESH_AFTER_MS = 250;
const LOOK_AGAIN_AFTER_MS = 5000;
const SPOKEN_SECONDS = [60, 30, 10];

/** Shows a short message that screen readers announce politely. */
function say(message) {
  const toast = document.getElementById("toast");
  toast.textContent = message;
  toast.classList.add("on");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => toast.classList.remove("on"), 4000);
}

/** The document behind a URL, or null when it is not what was asked for (an error, a redirect to the login). */
async function fetchPage(url) {
  const response = await fetch(url, { credentials: "same-origin" });
  const isForm = response.ok || response.status === 422;
  if (!isForm || response.redirected) return null;
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// ---- appearance: <a href="?theme=dark" data-theme="dark"> -------------------------------------------

function useTheme(theme) {
  const root = document.documentElement;
  const isFixed = theme !== "system";
  if (isFixed) root.dataset.bsTheme = theme;
  else delete root.dataset.bsTheme;
  document.querySelector('meta[name="color-scheme"]').content = isFixed ? theme : "light dark";
  document.cookie = `ayrix_theme=${isFixed ? theme : ""}; path=/; samesite=lax; max-age=${isFixed ? YEAR_IN_SECONDS : 0}`;
  for (const link of document.querySelectorAll("a[data-theme]")) {
    if (link.dataset.theme === theme) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

// ---- copying: <button data-copy="..."> --------------------------------------------------------------

async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // http:// on a LAN is no secure context and has no clipboard: select and copy instead.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    (button.closest("dialog") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  say(document.getElementById("toast").dataset.copied);
}

// ---- dialogs: <a href="/order" data-dialog> shows the [data-sheet] of that page ----------------------

async function openDialog(link) {
  const page = await fetchPage(link.href).catch(() => null);
  const sheet = page?.querySelector("#problems") ? null : page?.querySelector("[data-sheet]");
  if (!sheet) {
    location.assign(link.href);
    return;
  }
  const dialog = document.createElement("dialog");
  dialog.className = "dlg";
  dialog.setAttribute("aria-labelledby", sheet.getAttribute("aria-labelledby") ?? "");
  dialog.append(sheet);
  dialog.addEventListener("close", () => {
    dialog.remove();
    link.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  firstControl(dialog)?.focus();
}

function firstControl(dialog) {
  return dialog.querySelector("input:checked") ?? dialog.querySelector("input:not([type=hidden]), select, textarea");
}

// ---- refreshing: <form data-refresh> asks its own page again after a change and takes over [data-part] ----

// Until the answer is there the form is aria-busy and cannot be sent: nobody orders at an old price.
function refreshSoon(form) {
  form.setAttribute("aria-busy", "true");
  clearTimeout(form.refreshTimer);
  form.refreshTimer = setTimeout(() => refresh(form), REFRESH_AFTER_MS);
}

async function refresh(form) {
  const url = new URL(form.dataset.refresh || form.action, location.href);
  url.search = new URLSearchParams([...new FormData(form)].filter(([name]) => name !== "csrf_token"));
  const asked = (form.lastAsked = url.href);
  try {
    const page = await fetchPage(url);
    if (form.lastAsked !== asked) return;
    if (page) takeParts(form, page);
    else location.assign(url); // that page says what is wrong
  } catch {
    // No network: sending the form will tell.
  }
  form.removeAttribute("aria-busy");
}

function takeParts(form, page) {
  for (const part of form.querySelectorAll("[data-part]")) {
    const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (fresh) part.replaceChildren(...fresh.childNodes);
  }
}

// ---- looking again: <div data-part="x" data-poll="url"> goes to that page once its part no longer polls ------

async function lookAgain(element) {
  const page = await fetchPage(element.dataset.poll).catch(() => null);
  const fresh = page?.querySelector(`[data-part="${element.dataset.part}"]`);
  if (page && !(fresh && "poll" in fresh.dataset)) location.assign(element.dataset.poll);
  else setTimeout(() => lookAgain(element), LOOK_AGAIN_AFTER_MS);
}

// ---- steppers: <span data-stepper><button data-step="-1"><input type="number"> ------------------------

function step(button) {
  const input = button.closest("[data-stepper]").querySelector("input");
  const least = Number(input.min || 0);
  const most = Number(input.max || Number.MAX_SAFE_INTEGER);
  const wanted = Number(input.value) + Number(button.dataset.step);
  input.value = Math.min(most, Math.max(least, wanted));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

// ---- countdowns: <b data-deadline="1800000000" data-now="1799999000" data-say="{seconds} seconds left"> ----

function startCountdown(element) {
  const deadline = Number(element.dataset.deadline);
  const serverIsAhead = element.dataset.now ? Number(element.dataset.now) - Date.now() / 1000 : 0;
  const spoken = new Set();
  const timer = setInterval(() => {
    const left = Math.max(0, Math.round(deadline - serverIsAhead - Date.now() / 1000));
    element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (SPOKEN_SECONDS.includes(left) && !spoken.has(left)) {
      spoken.add(left);
      say(element.dataset.say.replace("{seconds}", left));
    }
    if (left === 0) clearInterval(timer);
  }, 500);
}

// ---- wiring --------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  const target = event.target.closest("[data-theme], [data-copy], [data-dialog], [data-close], [data-step]");
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  if (!target || !isPlain) return;
  if (target.matches("a[data-theme]")) {
    event.preventDefault();
    useTheme(target.dataset.theme);
  } else if (target.dataset.copy) {
    copyText(target.dataset.copy, target);
  } else if ("dialog" in target.dataset) {
    event.preventDefault();
    openDialog(target);
  } else if ("close" in target.dataset && target.closest("dialog")) {
    event.preventDefault();
    target.closest("dialog").close();
  } else if (target.dataset.step) {
    step(target);
  }
});

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector("details[data-menu][open]");
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-refresh]");
  if (form) refreshSoon(form);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.ariaBusy === "true") event.preventDefault();
  if (event.defaultPrevented || !("once" in form.dataset)) return;
  if ("sent" in form.dataset) event.preventDefault();
  form.dataset.sent = "";
  event.submitter?.setAttribute("aria-disabled", "true");
});

// Coming back by the browser's history shows the page as it was left: let the form be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-disabled]")?.removeAttribute("aria-disabled");
  }
});

document.querySelector("[data-focus]")?.focus();
document.querySelectorAll("[data-deadline]").forEach(startCountdown);
document.querySelectorAll("[data-poll]").forEach((element) => setTimeout(() => lookAgain(element), LOOK_AGAIN_AFTER_MS));
