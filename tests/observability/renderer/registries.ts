// What Grafana's core fills when it starts: the fields that a panel may configure, and the transformations.
import * as data from '@grafana/data';

const noEditor = () => null as any;
const grafana = data as any;
const same = data.identityOverrideProcessor;

function standard(id: string, process: any = same) {
  return {
    id, path: id, name: id, editor: noEditor, override: noEditor, process, shouldApply: () => true, settings: {},
    description: '', category: ['Standard options'],
  };
}

export function fill() {
  data.standardFieldConfigEditorRegistry.setInit(() => [
    standard('unit', grafana.unitOverrideProcessor), standard('min', data.numberOverrideProcessor),
    standard('max', data.numberOverrideProcessor), standard('decimals', data.numberOverrideProcessor),
    standard('displayName', data.displayNameOverrideProcessor), standard('noValue'), standard('color'),
    standard('links', grafana.dataLinksOverrideProcessor), standard('mappings', grafana.valueMappingsOverrideProcessor),
    standard('thresholds', grafana.thresholdsOverrideProcessor), standard('filterable'), standard('fieldMinMax'),
    standard('actions'),
  ] as any);
  const editors = ['text', 'number', 'slider', 'select', 'unit', 'boolean', 'color', 'fieldColor', 'links', 'mappings', 'thresholds'];
  data.standardEditorsRegistry.setInit(() => editors.map((id) => ({ id, name: id, editor: noEditor })) as any);
  const known = new Map(Object.values(data.standardTransformers).filter((one: any) => one?.id).map((one: any) => [one.id, one]));
  data.standardTransformersRegistry.setInit(() => [...known.values()].map((transformation: any) => ({
    id: transformation.id, name: transformation.name, transformation, editor: noEditor,
  })) as any);
}

/** Fields of one panel type, which no editor is needed for. */
export function custom(names: string[]) {
  return (builder: any) => {
    for (const name of names) {
      builder.addCustomEditor({
        id: name, path: name, name, editor: noEditor, override: noEditor, process: same, shouldApply: () => true,
      });
    }
  };
}
