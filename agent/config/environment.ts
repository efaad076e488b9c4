import { nearestWord } from '../options/nearest.ts';
import type { Fields, NamedSection, Node, SectionNode } from '../options/option.ts';

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

/** What only the environment names: `FLOWLOGD_SINKS_ARCHIVE_TYPE` makes `archive` one of `sinks`. Names have no underscore. */
export function namesIn(environment: Environment, path: string): readonly string[] {
  const named = new RegExp(`^${variableOf(path) ?? ''}_([A-Z0-9]+)_TYPE$`);
  return Object.keys(environment).flatMap((variable) => {
    const [, name] = named.exec(variable) ?? [];
    return name === undefined || readVariable(environment, variable) === undefined ? [] : [name.toLowerCase()];
  });
}

/**
 * Sentences about variables that look like ours and override nothing.
 *
 * @param sections those that the configuration names
 */
export function misspeltVariables(schema: Node, sections: readonly NamedSection[], environment: Environment): string[] {
  const known = new Set([
    ...variablesOf(schema, '', sections),
    ...sections.map(({ path }) => variableOf(`${path}.type`)!),
  ]);
  const warnings: string[] = [];
  for (const name of Object.keys(environment)) {
    if (!name.startsWith(PREFIX) || NOT_OURS.test(name) || known.has(name)) continue;
    const nearest = nearestWord(name, known);
    if (nearest !== undefined) warnings.push(`unknown environment variable ${name}; did you mean ${nearest}?`);
    else warnings.push(...unnamed(schema, name));
  }
  return warnings;
}

function variablesOf(node: Node, path: string, sections: readonly NamedSection[]): string[] {
  switch (node.node) {
    case 'section':
      return fieldsOf(node, path).flatMap(([inner, field]) => variablesOf(field, inner, sections));
    case 'named':
      return sections.flatMap((section) => variablesOf(node.types[section.type]!, section.path, sections));
    default:
      return [variableOf(path) ?? []].flat();
  }
}

/** `FLOWLOGD_SINKS_ARCHIVE_TOPIC_ID` where nothing names a sink `archive`. */
function unnamed(schema: Node, variable: string): string[] {
  if (schema.node !== 'section') return [];
  return fieldsOf(schema, '').flatMap(([path, field]) => {
    const [, name] = new RegExp(`^${variableOf(path) ?? ''}_([A-Z0-9]+)_`).exec(variable) ?? [];
    if (field.node !== 'named' || name === undefined) return [];
    const type = variableOf(`${path}.${name.toLowerCase()}.type`);
    return [
      `unknown environment variable ${variable}; declare ${path}.${name.toLowerCase()} in the file, or set ${type}`,
    ];
  });
}

function fieldsOf({ fields }: SectionNode<Fields, boolean>, path: string): [path: string, node: Node][] {
  return Object.entries(fields).map(([key, field]) => [path === '' ? key : `${path}.${key}`, field]);
}
