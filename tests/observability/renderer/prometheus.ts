// A data source that asks a real Prometheus over its HTTP API, and notes what came of every query.
import { from } from 'rxjs';
import { FieldType, toDataFrame } from '@grafana/data';
import { sceneGraph } from '@grafana/scenes';

export interface Asked { ref: string; expression: string; series: number; error?: string }

export const asked: Asked[] = ((window as any).__asked = []);

/** What the suite's Prometheus is told to scrape in, in seconds. */
const SCRAPE = 1;
const seconds = (count: number) => `${Math.max(1, Math.round(count))}s`;
const escaped = (text: string) => String(text).replace(/\\/g, '\\\\\\\\').replace(/[$^*{}\[\]'+?.()|]/g, '\\\\$&');
const filled = (value: any) => (Array.isArray(value) && value.length > 1 ? `(${value.map(escaped).join('|')})` : escaped([value].flat()[0]));

async function ask(path: string, query: Record<string, string>) {
  const answer = await fetch(`/prometheus/api/v1/${path}?${new URLSearchParams(query)}`);
  return answer.json();
}

/** The text with the dashboard's variables filled in, as Grafana's data source fills them. */
function interpolated(text: string, scoped: any) {
  const scene = scoped?.__sceneObject?.value?.valueOf?.();
  return scene ? sceneGraph.interpolate(scene, text, scoped, filled as any) : text;
}

export class Prometheus {
  uid = 'prometheus';
  id = 1;
  type = 'prometheus';
  name = 'Prometheus';
  interval = seconds(SCRAPE);
  meta: any = { id: 'prometheus', info: { logos: {} } };

  getRef() {
    return { type: this.type, uid: this.uid };
  }

  async testDatasource() {
    return { status: 'success', message: '' };
  }

  query(request: any) {
    return from(this.answer(request));
  }

  private async answer(request: any) {
    const step = Math.max(SCRAPE, (request.intervalMs ?? 15_000) / 1000);
    const [start, end] = [request.range.from.valueOf() / 1000, request.range.to.valueOf() / 1000];
    const data: any[] = [];
    const errors: any[] = [];
    for (const target of request.targets) {
      const rate = seconds(Math.max(step + SCRAPE, 4 * SCRAPE, 60));
      const expression = interpolated(target.expr.replaceAll('$__rate_interval', rate), request.scopedVars);
      const answer = target.instant
        ? await ask('query', { query: expression, time: String(end) })
        : await ask('query_range', { query: expression, start: String(start), end: String(end), step: String(step) });
      const result = answer.data?.result ?? [];
      asked.push({ ref: target.refId, expression, series: result.length, error: answer.error });
      if (answer.error) {
        errors.push({ message: answer.error, refId: target.refId });
      } else if (target.format === 'table') {
        data.push(table(target, result, request.targets.length > 1));
      } else {
        data.push(...result.map((series: any) => line(target, series, start, end, step)));
      }
    }
    return { data, errors };
  }

  async metricFindQuery(query: any, options: any) {
    const found = /^label_values\((.+),\s*(\w+)\)$/.exec(query.query ?? query);
    if (!found) {
      throw new Error(`no label_values: ${JSON.stringify(query)}`);
    }
    const answer = await ask(`label/${found[2]}/values`, { 'match[]': interpolated(found[1], options?.scopedVars) });
    return answer.data.map((text: string) => ({ text }));
  }
}

function table(target: any, result: any[], several: boolean) {
  const labels: string[] = [...new Set(result.flatMap((row) => Object.keys(row.metric).filter((label) => label !== '__name__')))];
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map((row) => row.value[0] * 1000) },
      ...labels.map((name) => ({ name, type: FieldType.string, values: result.map((row) => row.metric[name] ?? '') })),
      { name: several ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: result.map((row) => Number(row.value[1])) },
    ],
  });
}

function line(target: any, series: any, start: number, end: number, step: number) {
  const labels = Object.fromEntries(Object.entries(series.metric).filter(([label]) => label !== '__name__')) as Record<string, string>;
  const plain = Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(', ');
  const name = target.legendFormat ? target.legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_: string, label: string) => labels[label] ?? '') : `{${plain}}`;
  const there = new Map((series.values ?? [series.value]).map(([at, value]: any) => [Math.round((at - start) / step), value]));
  const times: number[] = [];
  for (let n = 0; start + n * step <= end; n += 1) {
    times.push(n);
  }
  const shown = target.instant ? [[end * 1000, Number(series.value[1])]] : times.map((n) => [(start + n * step) * 1000, there.has(n) ? Number(there.get(n)) : null]);
  return toDataFrame({
    refId: target.refId,
    name,
    fields: [
      { name: 'Time', type: FieldType.time, values: shown.map(([at]) => at), config: { interval: step * 1000 } },
      { name: 'Value', type: FieldType.number, labels, values: shown.map(([, value]) => (Number.isNaN(value) ? null : value)), config: { displayNameFromDS: name } },
    ],
  });
}
