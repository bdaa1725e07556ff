import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// The gateway serves this under a policy without inline script, inline style or `data:` fonts: see docs/adr/0031.
export default defineConfig({
  plugins: [svelte()],
  build: {
    // Beside a file that is kept, so that the folder is there before the first build.
    outDir: 'dist/web',
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // The terms of what others wrote and this page has in it, at `/licenses.md`.
    license: { fileName: 'licenses.md' },
  },
  server: { port: 7399, proxy: { '/api': 'http://127.0.0.1:7398' } },
  test: { include: ['test/unit/**/*.test.ts'] },
});
