import './boot';
import React from 'react';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { from, map, mergeMap } from 'rxjs';
import { EventBusSrv, LoadingState, ThemeContext, createTheme, setTimeZoneResolver } from '@grafana/data';
import * as runtime from '@grafana/runtime';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { plugins } from './panels';
import { Prometheus } from './prometheus';
import { fill } from './registries';
import { scene } from './scene';

const failures: string[] = ((window as any).__failures = []);
const asked = new URLSearchParams(location.search);

const theme = createTheme({ colors: { mode: 'dark' } });
(runtime.config as any).theme2 = theme;
(runtime.config as any).theme = theme.v1;
setTimeZoneResolver(() => 'utc');
fill();

const panels = plugins(theme);
runtime.setPluginImportUtils({
  importPanelPlugin: async (id: string) => panels[id] ?? Promise.reject(new Error(`no panel of type ${id} here`)),
  getPanelPluginFromCache: (id: string) => panels[id],
} as any);
const source = new Prometheus();
const settings = { ...source.getRef(), id: source.id, name: source.name, meta: source.meta, url: '', access: 'proxy', jsonData: {}, readOnly: true, isDefault: true };
runtime.setDataSourceSrv({
  get: async () => source, getInstanceSettings: () => settings, getList: () => [settings], reload: () => {},
  registerRuntimeDataSource: () => {},
} as any);
runtime.setRunRequest(((_: unknown, request: any) => from([request]).pipe(
  mergeMap((one) => source.query(one)),
  map(({ data, errors }) => ({
    state: errors.length ? LoadingState.Error : LoadingState.Done, series: data, errors, timeRange: request.range, request,
  })),
)) as any);
(runtime as any).setAppEvents?.(new EventBusSrv());
runtime.setTemplateSrv({ replace: (text: any) => text, getVariables: () => [], containsTemplate: () => false, updateTimeRange() {} } as any);

class Boundary extends React.Component<any, { error?: Error }> {
  state: { error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  componentDidCatch(error: Error) {
    failures.push(String(error.stack));
  }

  render() {
    return this.state.error ? <pre>{String(this.state.error.stack)}</pre> : this.props.children;
  }
}

async function draw() {
  const dashboard = await (await fetch(`/dashboards/${asked.get('dashboard')}`)).json();
  const shown = scene(dashboard, asked.get('since') ?? dashboard.time.from);
  shown.activate();
  const Scene = shown.Component as any;
  const page = { padding: 16, display: 'flex', flexDirection: 'column', background: theme.colors.background.canvas, minHeight: '100vh' } as const;
  createRoot(document.getElementById('root')!).render(
    <Boundary>
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <MemoryRouter>
          <div style={page}>
            <h3 style={{ color: theme.colors.text.primary }}>{dashboard.title}</h3>
            <Scene model={shown} />
          </div>
          <PortalContainer />
        </MemoryRouter>
      </ThemeContext.Provider>
    </Boundary>,
  );
}

draw().catch((error) => failures.push(String(error.stack)));
