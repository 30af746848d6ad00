// A dashboard's JSON as a scene of Grafana's: variables, rows, panels.
import {
  DataSourceVariable, EmbeddedScene, QueryVariable, SceneControlsSpacer, SceneDataTransformer, SceneGridItem, SceneGridLayout,
  SceneGridRow, SceneQueryRunner, SceneTimePicker, SceneTimeRange, SceneVariableSet, VariableValueSelectors, VizPanel,
} from '@grafana/scenes';

function variable(found: any) {
  const base = { name: found.name, label: found.label, hide: found.hide };
  if (found.type === 'datasource') {
    return new DataSourceVariable({ ...base, pluginId: found.query, value: 'prometheus' });
  }
  const all = found.includeAll ? { value: ['$__all'], text: ['All'] } : { value: '', text: '' };
  return new QueryVariable({
    ...base, ...all, datasource: found.datasource, query: found.query, isMulti: found.multi, includeAll: found.includeAll,
    allValue: found.allValue, refresh: found.refresh, sort: found.sort, regex: found.regex,
  });
}

function item(panel: any) {
  let $data: any = panel.targets?.length ? new SceneQueryRunner({ queries: panel.targets, datasource: panel.datasource }) : undefined;
  if ($data && panel.transformations?.length) {
    $data = new SceneDataTransformer({ $data, transformations: panel.transformations });
  }
  const { x, y, w, h } = panel.gridPos;
  const body = new VizPanel({
    key: `panel-${panel.id}`, title: panel.title, description: panel.description, pluginId: panel.type, pluginVersion: '12.4.10',
    options: panel.options, fieldConfig: panel.fieldConfig ?? { defaults: {}, overrides: [] }, $data,
  });
  return new SceneGridItem({ x, y, width: w, height: h, isResizable: false, isDraggable: false, body });
}

export function scene(dashboard: any, since: string) {
  const children: any[] = [];
  for (const panel of dashboard.panels) {
    if (panel.type === 'row') {
      children.push(new SceneGridRow({ title: panel.title, y: panel.gridPos.y, isCollapsed: false, children: [] }));
    } else {
      const row = children.at(-1);
      row.setState({ children: [...row.state.children, item(panel)] });
    }
  }
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ from: since, to: dashboard.time.to, timeZone: 'utc' }),
    $variables: new SceneVariableSet({ variables: dashboard.templating.list.map(variable) }),
    controls: [new VariableValueSelectors({}), new SceneControlsSpacer(), new SceneTimePicker({ isOnCanvas: true })],
    body: new SceneGridLayout({ isLazy: false, children }),
  });
}
