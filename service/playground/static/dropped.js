/** Files that were dropped, also those in folders. */

/** Return all files of a drop , those of a folder in the order of their names. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (entries.some((entry) => !entry)) return [...transfer.files];
  const found = await Promise.all(entries.map(filesOf));
  return found.flat();
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const entries = await entriesOf(entry.createReader());
  entries.sort((a, b) => a.name.localeCompare(b.name));
  const found = await Promise.all(entries.map(filesOf));
  return found.flat();
}

/** Return all entries of a folder; browsers give them in parts. */
async function entriesOf(reader) {
  const all = [];
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return all;
    all.push(...part);
  }
}
