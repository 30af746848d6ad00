// The five panel types that the dashboards use: Grafana's own components behind as little as a plugin needs.
import React from 'react';
import {
  FieldType, PanelPlugin, VizOrientation, getDisplayValueAlignmentFactors, getFieldDisplayValues, renderMarkdown,
} from '@grafana/data';
import type { GrafanaTheme2, PanelProps } from '@grafana/data';
import { BarGauge, BigValue, Table, TimeSeries, VizRepeater } from '@grafana/ui';
import { custom } from './registries';

const LINES = [
  'drawStyle', 'lineInterpolation', 'lineWidth', 'fillOpacity', 'gradientMode', 'lineStyle', 'spanNulls', 'showPoints',
  'pointSize', 'stacking', 'axisPlacement', 'axisLabel', 'axisWidth', 'axisSoftMin', 'axisSoftMax', 'axisGridShow',
  'axisBorderShow', 'axisColorMode', 'scaleDistribution', 'thresholdsStyle', 'hideFrom', 'transform', 'barAlignment',
];
const CELLS = ['align', 'displayMode', 'cellOptions', 'width', 'minWidth', 'filterable', 'hidden', 'inspect', 'hideFrom'];

const Empty = ({ why }: { why?: string }) => <div className="panel-empty">{why ?? 'No data'}</div>;

function Lines(panel: PanelProps<any>) {
  const has = (frame: any, type: FieldType) => frame.fields.some((field: any) => field.type === type);
  const frames = panel.data.series.filter((frame) => has(frame, FieldType.time) && has(frame, FieldType.number));
  if (!frames.length) {
    return <Empty />;
  }
  return (
    <TimeSeries
      frames={frames} structureRev={panel.data.structureRev} timeRange={panel.timeRange} timeZone="utc" width={panel.width}
      height={panel.height} legend={panel.options.legend} options={panel.options}
    />
  );
}

/** Draws every value of a panel beside the others. */
function repeated(theme: GrafanaTheme2, draw: (value: any, width: number, height: number, panel: PanelProps<any>, sizes: any) => any) {
  return (panel: PanelProps<any>) => {
    const values = getFieldDisplayValues({
      fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: panel.replaceVariables,
      theme, data: panel.data.series, sparkline: false, timeZone: 'utc',
    } as any);
    if (!panel.data.series.length) {
      return <Empty why={panel.fieldConfig.defaults.noValue} />;
    }
    return (
      <VizRepeater
        getValues={() => values} getAlignmentFactors={getDisplayValueAlignmentFactors as any} width={panel.width}
        renderValue={({ value, width, height, alignmentFactors }: any) => draw(value, width, height, panel, alignmentFactors)}
        height={panel.height} source={panel.data} renderCounter={panel.renderCounter} itemSpacing={3} minVizHeight={10} autoGrid
        orientation={panel.options.orientation ?? VizOrientation.Auto}
      />
    );
  };
}

function Cells(panel: PanelProps<any>) {
  const [frame] = panel.data.series;
  if (!frame?.length) {
    return <Empty />;
  }
  return (
    <Table
      height={panel.height} width={panel.width} data={frame} showTypeIcons={false} columnMinWidth={80}
      initialSortBy={panel.options.sortBy} timeRange={panel.timeRange}
    />
  );
}

function Words(panel: PanelProps<any>) {
  const html = renderMarkdown(panel.replaceVariables(panel.options.content));
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: html }} />;
}

export function plugins(theme: GrafanaTheme2): Record<string, PanelPlugin<any, any>> {
  const Stat = repeated(theme, (value, width, height, panel, alignmentFactors) => {
    const { colorMode, graphMode, justifyMode, textMode } = panel.options;
    return (
      <BigValue
        value={value.display} count={1} colorMode={colorMode} graphMode={graphMode} justifyMode={justifyMode} textMode={textMode}
        alignmentFactors={alignmentFactors} width={width} height={height} theme={theme} hasLinks={false}
      />
    );
  });
  const Bars = repeated(theme, (value, width, height, panel, alignmentFactors) => (
    <BarGauge
      value={value.display} width={width} height={height} orientation={panel.options.orientation} field={value.field} theme={theme}
      display={value.view?.getFieldDisplayProcessor(value.colIndex)} itemSpacing={3} lcdCellWidth={8}
      displayMode={panel.options.displayMode} alignmentFactors={alignmentFactors} showUnfilled={panel.options.showUnfilled}
      valueDisplayMode={panel.options.valueMode} text={panel.options.text}
    />
  ));
  const found: Record<string, PanelPlugin<any, any>> = {
    timeseries: new PanelPlugin<any, any>(Lines).useFieldConfig({ useCustomConfig: custom(LINES) }),
    stat: new PanelPlugin<any, any>(Stat).useFieldConfig(),
    bargauge: new PanelPlugin<any, any>(Bars).useFieldConfig(),
    table: new PanelPlugin<any, any>(Cells).useFieldConfig({ useCustomConfig: custom(CELLS) }),
    text: new PanelPlugin<any, any>(Words),
  };
  for (const [id, plugin] of Object.entries(found)) {
    const info = { version: '12.4.10', logos: { small: '', large: '' } };
    (plugin as any).meta = { id, name: id, type: 'panel', info, skipDataQuery: id === 'text' };
  }
  return found;
}
