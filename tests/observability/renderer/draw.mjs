// Draws every dashboard with Grafana's own front-end libraries in Chromium, against a real Prometheus.
//
//   node draw.mjs PROMETHEUS_URL PACKAGES_FOLDER PICTURES_FOLDER [SINCE]
//
// Ends with 1 when a query, a panel or the page failed; pictures.json says of every query how many series it found. There is no
// Grafana server in this: what reads the files, keeps users and asks data sources there is not tried here.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';

const [, , prometheus, packages, pictures, since] = process.argv;
const here = import.meta.dirname;
const dashboards = path.resolve(here, '../../../deploy/grafana/dashboards');
const require = createRequire(path.resolve(packages, 'package.json'));
const { build } = require('esbuild');
const { chromium } = require('playwright-core');

const modules = path.resolve(packages, 'node_modules');
const stub = `export default {}; export const loader = { config() {}, init: () => Promise.resolve({}) };
export const Editor = () => null; export const DiffEditor = () => null; export const useMonaco = () => null;
export const editor = {}; export const languages = {}; export const promLanguageDefinition = {};`;

// What does not fit together between these versions of Grafana's packages, when they are not inside Grafana.
const fitting = {
  name: 'fitting',
  setup(bundler) {
    bundler.onResolve({ filter: /^react-custom-scrollbars-2$/ }, () => ({ path: path.join(packages, 'scrollbars.js') }));
    bundler.onLoad({ filter: /composable\/table\/panelcfg\/x\/types\.gen\.mjs$/ }, ({ path: file }) => ({
      contents: `${fs.readFileSync(file, 'utf8')}\nexport const defaultOptions = { frameIndex: 0, showHeader: true };`, loader: 'js',
    }));
    // The editor of queries is large, and nobody edits here.
    bundler.onResolve({ filter: /^monaco-editor|^@monaco-editor|^monaco-promql/ }, ({ path: name }) => ({ path: name, namespace: 'stub' }));
    bundler.onLoad({ filter: /.*/, namespace: 'stub' }, () => ({ contents: stub, loader: 'js' }));
  },
};

async function bundle() {
  // Beside the packages, so that they are found from there.
  for (const file of fs.readdirSync(here).filter((name) => /\.(tsx?|js)$/.test(name))) {
    fs.copyFileSync(path.join(here, file), path.join(packages, file));
  }
  await build({
    entryPoints: [path.join(packages, 'main.tsx')], bundle: true, outdir: path.join(packages, 'out'), format: 'esm', splitting: true,
    target: 'chrome120', jsx: 'automatic', minify: true, logLevel: 'warning', plugins: [fitting],
    loader: { '.svg': 'dataurl', '.png': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl' },
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
    conditions: ['module', 'import', 'browser'], mainFields: ['module', 'browser', 'main'],
  });
}

const PAGE = `<!doctype html><meta charset=utf-8><link rel=stylesheet href=/out/main.css>
<style>body{margin:0}.panel-empty{color:#ccccdc99;font:14px sans-serif;padding:8px}.markdown-html{font:14px sans-serif;color:#ccccdc}
.react-grid-layout{position:relative}.react-grid-item{position:absolute}</style>
<div id=root></div><script type=module src=/out/main.js></script>`;
const KINDS = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json' };

async function answer(request, response) {
  const url = new URL(request.url, 'http://here');
  if (url.pathname === '/') {
    return response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
  }
  if (url.pathname.startsWith('/prometheus/')) {
    const told = await fetch(prometheus + url.pathname.slice('/prometheus'.length) + url.search);
    return response.writeHead(told.status, { 'content-type': 'application/json' }).end(await told.text());
  }
  const icons = url.pathname.includes('/img/') ? path.join(modules, '@grafana/ui/dist/public', url.pathname.replace(/^.*\/img\//, '/img/')) : null;
  const [, folder, ...rest] = url.pathname.split('/');
  const roots = { dashboards, out: path.join(packages, 'out') };
  const file = icons ?? path.join(roots[folder] ?? '/nowhere', ...rest);
  if (!fs.existsSync(file)) {
    // Letters and signs that the packages name and do not bring: the browser has others.
    return response.writeHead(/\.(woff2|svg)$/.test(file) ? 204 : 404).end();
  }
  return response.writeHead(200, { 'content-type': KINDS[path.extname(file)] ?? 'application/octet-stream' }).end(fs.readFileSync(file));
}

async function picture(browser, port, file) {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(`page: ${error.message}`));
  page.on('response', (told) => told.status() >= 400 && wrong.push(`${told.status()} ${told.url()}`));
  const { panels } = JSON.parse(fs.readFileSync(path.join(dashboards, file)));
  const drawn = panels.filter((panel) => panel.type !== 'row');
  const queries = drawn.flatMap((panel) => panel.targets ?? []).length;
  // Tall enough for all of it: a grid row is 38 pixels.
  await page.setViewportSize({ width: 1600, height: 140 + 38 * Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) });
  await page.goto(`http://127.0.0.1:${port}/?dashboard=${file}${since ? `&since=${since}` : ''}`);
  const all = (count) => window.__failures?.length || window.__asked?.length >= count;
  await page.waitForFunction(all, queries, { timeout: 30_000 }).catch(() => wrong.push(`not all of ${queries} queries were asked`));
  await page.waitForLoadState('networkidle');
  // The last answers are drawn in the frame after them.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.screenshot({ path: path.join(pictures, file.replace(/json$/, 'png')) });
  const { asked, failures, titles } = await page.evaluate(() => ({
    asked: window.__asked, failures: window.__failures,
    titles: document.querySelectorAll('[data-testid^="data-testid Panel header"]').length,
  }));
  wrong.push(...failures, ...asked.filter((one) => one.error).map((one) => `${one.expression}: ${one.error}`));
  if (titles !== drawn.length) {
    wrong.push(`${titles} of ${drawn.length} panels were drawn`);
  }
  await page.close();
  return { file, panels: titles, asked, wrong };
}

await bundle();
fs.mkdirSync(pictures, { recursive: true });
const server = http.createServer((request, response) => answer(request, response).catch((error) => response.writeHead(500).end(String(error))));
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
const told = [];
for (const file of fs.readdirSync(dashboards).filter((name) => name.endsWith('.json'))) {
  told.push(await picture(browser, server.address().port, file));
}
await browser.close();
server.close();
fs.writeFileSync(path.join(pictures, 'pictures.json'), JSON.stringify(told, null, 1));
for (const { file, panels, asked, wrong } of told) {
  const empty = asked.filter((one) => !one.series).length;
  console.log(`${wrong.length ? 'FAIL' : 'ok  '} ${file}: ${panels} panels, ${asked.length} queries, ${empty} without data`);
  wrong.slice(0, 10).forEach((one) => console.log(`     ${one}`));
}
const failed = told.filter(({ wrong }) => wrong.length).length;
console.log(`${told.length - failed} passed, ${failed} failed`);
process.exit(failed || !told.length ? 1 : 0);
