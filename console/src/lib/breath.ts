// Much that is drawn at once keeps a slow device from answering a hand meanwhile: it is drawn in parts, and between them is a breath.

/** Until whatever else the browser has to do has had its turn. */
export const breath = (): Promise<void> => new Promise((done) => setTimeout(done));
