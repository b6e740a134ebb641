/** Parts of the page: elements, pictures, announcements, the clipboard. */

/** Make an element with properties, attributes (dashed or known) and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Return the address of a base64 PNG for src. */
export function imageUrl(base64) {
  return `data:image/png;base64,${base64}`;
}

export function picture(base64, alt) {
  return element('img', { src: imageUrl(base64), alt, draggable: false });
}

/** Return a button that shows a picture. */
export function pictureButton(base64, name, onclick) {
  const button = element('button', { type: 'button', className: 'picture', title: name, onclick });
  button.append(picture(base64, name));
  return button;
}

/** Return the base64 of a file or another blob. */
export function base64Of(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** Return the bytes of base64 as a blob. */
export function blobOf(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Blob([bytes]);
}

/** Return the width of a column of names. */
export function nameWidth(names) {
  const longest = Math.max(...names.map((name) => name.length));
  return `${Math.min(longest, 14) * 0.6 + 0.2}rem`;
}

/** Say something to users of screen readers. */
export function announce(text) {
  byId('announcer').textContent = text;
}

/** Offer a blob as a download. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  element('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Copy text; without TLS, browsers offer only the old way. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element('textarea', { value: text, className: 'unseen' });
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
  focused?.focus();
}

/** Return a number with three significant digits, or fewer where they are zeros. */
export function rounded(value) {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 6 });
}
