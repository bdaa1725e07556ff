// Gives somebody a file to keep. It is made here and goes nowhere.

/** How long the browser has to take it, in milliseconds. */
const TAKEN = 60_000;

export function save(name: string, type: string, pieces: string[]): void {
  const address = URL.createObjectURL(new Blob(pieces, { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), TAKEN);
}
