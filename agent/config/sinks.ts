/** The sinks of a configuration: sections of the kinds that the loader is handed. */
import { createHash } from 'node:crypto';
import type { SinkPlan } from '../model/sink-plan.ts';
import { nearestWord } from '../options/nearest.ts';
import type { Fields, NamedSection, Node, SectionNode } from '../options/option.ts';
import type { HostAbilities, SinkOptions } from '../options/sink-options.ts';
import { variableOf } from './environment.ts';
import { type Findings, findingsOf } from './findings.ts';
import type { NamedFiles } from './named-files.ts';

/** The table with the sections that were a sink each before there were several. */
export function withFormerSections(
  schema: SectionNode<Fields, false>,
  kinds: readonly SinkOptions[],
): SectionNode<Fields, false> {
  const former = kinds.flatMap(({ formerSection, section }): [string, Node][] =>
    formerSection === undefined ? [] : [[formerSection, { ...section, optional: true }]],
  );
  return { ...schema, fields: { ...schema.fields, ...Object.fromEntries(former) } };
}

/** What the configuration names, a former section as a sink of that name. */
export function sinkSections(
  read: Readonly<Record<string, unknown>>,
  kinds: readonly SinkOptions[],
  findings: Findings,
): readonly NamedSection[] {
  const named = read['sinks'] as readonly NamedSection[];
  const isNamed = named.length > 0 || [...findings.settings.keys()].some((path) => path.startsWith('sinks.'));
  const former = kinds.flatMap(({ kind, formerSection: path }): NamedSection[] => {
    const values = path === undefined ? undefined : read[path];
    return path === undefined || values === undefined
      ? []
      : [{ name: path, type: kind, path, values: values as NamedSection['values'] }];
  });
  for (const { path, type } of isNamed ? former : []) {
    findings.problemIn(
      path,
      `it is the former way to name a sink and cannot be combined with sinks: move it to sinks.${path} with type: ${type}` +
        ` (variables: ${variableOf(`sinks.${path}`)}_...)`,
    );
  }
  return [...named, ...former];
}

/** A flow log names sinks that there are. */
export function checkNamedSinks(sections: readonly NamedSection[], findings: Findings): void {
  const names = sections.map(({ name }) => name);
  for (const { path, value } of findings.settings.values()) {
    if (!/^flowLogs\[\d+\]\.sinks$/.test(path)) continue;
    const unknown = (value as readonly string[]).find((name) => !names.includes(name));
    if (unknown === undefined) continue;
    const nearest = nearestWord(unknown, names);
    const hint = nearest === undefined ? `there is ${names.join(', ') || 'none'}` : `did you mean ${nearest}?`;
    findings.problemAt(path, `no sink is named ${unknown}; ${hint}`);
  }
}

export function checkSinks(
  sections: readonly NamedSection[],
  kinds: readonly SinkOptions[],
  findings: Findings,
  host: HostAbilities,
): void {
  for (const { type, path } of sections) kindOf(kinds, type).check(findingsOf(findings, path), host);
}

/** Called without problems only; finds those that sinks have with each other. */
export function planSinks(
  sections: readonly NamedSection[],
  kinds: readonly SinkOptions[],
  { texts, values }: NamedFiles,
  findings: Findings,
): readonly SinkPlan[] {
  const paths = new Map<string, string>();
  if (sections.length > 0 && sections.every(({ values: own }) => own['drain'] === true)) {
    findings.problemIn(
      sections[0]!.path,
      'every sink drains, so records would go nowhere; let one of them have drain: false',
    );
  }
  return sections.map(({ name, type, path, values: own }) => {
    const fromFiles = [...values].filter(([each]) => each.startsWith(`${path}.`));
    const secrets = Object.fromEntries(fromFiles.map(([each, value]) => [each.slice(path.length + 1), value]));
    const { drain = false, ...options } = own;
    const read = kindOf(kinds, type).plan(name, { ...options, ...secrets }, (option) => texts.get(`${path}.${option}`));
    const plan = { ...read, isDraining: drain === true, contents: digestOf(texts, path) };
    const place = JSON.stringify(plan.storage);
    const other = paths.get(place);
    if (other !== undefined) {
      findings.problemIn(path, `it stores where ${other} does, so every record would be there twice; keep one of them`);
    }
    paths.set(place, path);
    return plan;
  });
}

function digestOf(texts: NamedFiles['texts'], section: string): string | undefined {
  const own = [...texts].filter(([path]) => path.startsWith(`${section}.`));
  return own.length === 0 ? undefined : createHash('sha256').update(JSON.stringify(own)).digest('hex');
}

function kindOf(kinds: readonly SinkOptions[], type: string): SinkOptions {
  return kinds.find(({ kind }) => kind === type)!;
}
