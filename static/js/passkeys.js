// A button with data-passkey fetches there what the browser is to ask an authenticator for, and sends the answer with its form, in the
// hidden field before it. It shows only where the browser knows passkeys. With data-from-the-start the browser also offers them by itself,
// in the list under the name.

const FRESH_MS = 4 * 60_000;      // a challenge is good for five minutes
const CANNOT = {
  NotAllowedError: "Nothing was done: the question was closed, or it took too long.",
  InvalidStateError: "There is a passkey for this account on this device already.",
  OFFLINE: "The server did not answer as it should. Load the page again and try once more.",
};
let running;

const read = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const written = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

function options(sent) {
  const byBrowser = sent.rp ? PublicKeyCredential.parseCreationOptionsFromJSON : PublicKeyCredential.parseRequestOptionsFromJSON;
  if (byBrowser) return byBrowser.call(PublicKeyCredential, sent);
  const known = (list) => list?.map((each) => ({ ...each, id: read(each.id) }));
  return { ...sent, challenge: read(sent.challenge), user: sent.user && { ...sent.user, id: read(sent.user.id) },
    allowCredentials: known(sent.allowCredentials), excludeCredentials: known(sent.excludeCredentials) };
}

function answer({ id, rawId, type, response }) {      // not every keeper of passkeys has toJSON
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"].filter((part) => response[part]);
  return { id, type, rawId: written(rawId), response: { transports: response.getTransports?.(),
    ...Object.fromEntries(parts.map((part) => [part, written(response[part])])) } };
}

async function ask(button, signal, more = {}) {
  const sent = await fetch(button.dataset.passkey, { method: "POST", signal, headers: { "X-CSRFToken": button.form.elements.csrf_token.value } });
  if (!sent.ok) throw new DOMException("", "OFFLINE");
  const wanted = await sent.json();
  const publicKey = options(wanted);
  return wanted.rp ? navigator.credentials.create({ publicKey, signal }) : navigator.credentials.get({ publicKey, signal, ...more });
}

function send(button, credential) {
  button.previousElementSibling.value = JSON.stringify(answer(credential));
  button.form.submit();
}

function start() {
  running?.abort();
  running = new AbortController();
  return running.signal;
}

async function press(button) {
  const trouble = button.form.querySelector("[data-passkey-trouble]");
  trouble.hidden = true;
  button.disabled = true;
  try {
    send(button, await ask(button, start()));
  } catch (error) {
    trouble.textContent = CANNOT[error.name] ?? (error instanceof TypeError ? CANNOT.OFFLINE : "This browser cannot use a passkey here.");
    trouble.hidden = false;
    button.disabled = false;
  }
}

async function offer(button) {
  if (!await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
  const signal = start();
  const again = setTimeout(() => offer(button), FRESH_MS);
  try {
    send(button, await ask(button, signal, { mediation: "conditional" }));
  } catch {
    clearTimeout(again);      // the button is still there
  }
}

if (window.PublicKeyCredential) {
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.addEventListener("click", (event) => { event.preventDefault(); press(button); });
    button.hidden = false;
    if ("fromTheStart" in button.dataset) offer(button);
  }
  for (const sentence of document.querySelectorAll("[data-without-passkeys]")) sentence.hidden = true;
}
