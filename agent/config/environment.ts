import { nearestWord } from '../options/nearest.ts';
import type { Node } from '../options/option.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'FLOWLOGD_';
/** Kubernetes puts these into every pod of a namespace that has a service called flowlogd. */
const NOT_OURS = /^FLOWLOGD_(?:SERVICE_|PORT(?:_|$))/;

/**
 * The variable that overrides an option: `capture.snapBytes` is `FLOWLOGD_CAPTURE_SNAP_BYTES`. Undefined for what stands in
 * a list: a list is overridden as a whole.
 */
export function variableOf(path: string): string | undefined {
  if (path.includes('[')) return undefined;
  return (
    PREFIX +
    path
      .replace(/([a-z])([A-Z])/g, '$1_$2')
      .replaceAll('.', '_')
      .toUpperCase()
  );
}

/** The variable's text; an empty one counts as not set, because manifests cannot always leave one out. */
export function readVariable(environment: Environment, name: string | undefined): string | undefined {
  const text = name === undefined ? undefined : environment[name];
  return text === '' ? undefined : text;
}

/** Sentences about variables that look like ours and override nothing. */
export function misspeltVariables(schema: Node, environment: Environment): string[] {
  const known = new Set(variablesOf(schema, ''));
  const warnings: string[] = [];
  for (const name of Object.keys(environment)) {
    if (!name.startsWith(PREFIX) || NOT_OURS.test(name) || known.has(name)) continue;
    const nearest = nearestWord(name, known);
    if (nearest !== undefined) warnings.push(`the variable ${name} sets no option; did you mean ${nearest}?`);
  }
  return warnings;
}

function variablesOf(node: Node, path: string): string[] {
  if (node.node !== 'section') return [variableOf(path) ?? []].flat();
  return Object.entries(node.fields).flatMap(([key, field]) =>
    variablesOf(field as Node, path === '' ? key : `${path}.${key}`),
  );
}
