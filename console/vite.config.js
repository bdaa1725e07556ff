import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** Beside the folder's file that is kept, so that the folder is there before the first build. */
const OUT = 'dist/web';

/** Each file that is text, once more in gzip's form, which the gateway gives to browsers that take it. */
const gzipped = {
  name: 'gzipped',
  apply: 'build',
  closeBundle() {
    for (const entry of readdirSync(OUT, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      if (/\.(css|html|js|json|md|svg|txt)$/.test(file)) writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
    }
  },
};

// The gateway serves this under a policy without inline script, inline style or `data:` fonts: see docs/adr/0031.
export default defineConfig({
  plugins: [svelte(), gzipped],
  build: {
    outDir: OUT,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // The terms of what others wrote and this page has in it, at `/licenses.md`.
    license: { fileName: 'licenses.md' },
  },
  server: { port: 7399, proxy: { '/api': 'http://127.0.0.1:7398' } },
  // As patient as the other tests: how long one takes says how busy the machine is.
  test: { include: ['test/unit/**/*.test.ts'], testTimeout: 180_000, hookTimeout: 180_000 },
});
