/** Renders the option table: as the page of the documentation, and as a commented example file. */

import { TEXT } from '../options/kinds.ts';
import {
  type Fields,
  type ListNode,
  type NamedNode,
  type Node,
  type OptionNode,
  type SectionNode,
  typeOf,
} from '../options/option.ts';
import type { SinkOptions } from '../options/sink-options.ts';
import { variableOf } from './environment.ts';
import { schemaFor } from './schema.ts';

const COMMENT_COLUMNS = 110;

/** `docs/configuration.md`. */
export function renderReferencePage(sinkKinds: readonly SinkOptions[]): string {
  const lines = [
    '# Configuration',
    '',
    '<!-- Rendered from agent/config/schema.ts and the options of each sink by `npm run docs`. Do not edit. -->',
    '',
    'The configuration is one YAML file, given with `--config FILE`. Every option has a default unless it is marked required.',
    'It has at most 1MiB, and aliases repeat at most 128KiB of it.',
    'The environment overrides the file: plain values as text, lists as `a,b` or as YAML. An empty variable counts as not set.',
    '',
    '- `flowlogd check --config FILE` reports every problem at once, with line and column, and exits 78.',
    '- `flowlogd config --config FILE` prints the effective values and where they come from, secrets hidden.',
    '- `flowlogd config --reference` prints all options as a commented file. Examples are in [examples/](examples/).',
    '- Durations are whole seconds (`60`) or `10s`, `5m`, `1h`, `7d`; sizes are whole bytes or `512KiB`, `64MiB`, `1GiB`.',
    '- A file that holds a secret must not be world-readable: `chmod 600`.',
    ...sectionPage(schemaFor(sinkKinds), ''),
    ...formerSections(sinkKinds),
  ];
  return `${lines.join('\n')}\n`;
}

function sectionPage(section: SectionNode<Fields, boolean>, path: string): string[] {
  const title = path === '' ? 'Top level' : `\`${path}\``;
  const lines = ['', `## ${title}`, '', section.description];
  if (section.optional) lines.push('', 'This section is optional as a whole.');
  const entries = Object.entries(section.fields).map(([key, node]) => ({
    path: path === '' ? key : `${path}.${key}`,
    node,
  }));
  const rows = entries.flatMap((entry) => pageRow(entry.path, entry.node));
  if (rows.length > 0) {
    lines.push('', '| option | must be | default | environment | |', '| --- | --- | --- | --- | --- |', ...rows);
  }
  for (const { path: inner, node } of entries) {
    if (node.node === 'section') lines.push(...sectionPage(node, inner));
    if (node.node === 'named') lines.push(...namedPage(node, inner));
    if (node.node === 'list' && node.item.node === 'section') {
      lines.push(
        ...sectionPage({ ...node.item, description: `${node.description} ${node.item.description}` }, `${inner}[]`),
      );
    }
  }
  return lines;
}

/** One part for all of them, and one for each type. */
function namedPage(node: NamedNode, path: string): string[] {
  const each = typeRows(node, path);
  const heading = ['', `## \`${path}\``, '', `${node.description} A name must be ${node.name.expected}.`];
  const types = Object.entries(node.types).flatMap(([type, section]) => {
    const [, title, ...page] = sectionPage(section, `${path}.NAME`);
    return ['', `${title} of type \`${type}\``, ...page];
  });
  return [...heading, ...each, ...types];
}

function typeRows(node: NamedNode, path: string): string[] {
  const rows = pageRow(`${path}.NAME.type`, typeOf(node));
  return ['', '| option | must be | default | environment | |', '| --- | --- | --- | --- | --- |', ...rows];
}

function formerSections(sinkKinds: readonly SinkOptions[]): string[] {
  return sinkKinds.flatMap(({ kind, formerSection }) =>
    formerSection === undefined
      ? []
      : [
          '',
          `## \`${formerSection}\``,
          '',
          `Deprecated: a section \`${formerSection}\` at the top of the file, and the variables \`${variableOf(`${formerSection}.`)}...\`, are read as the sink ` +
            `\`sinks.${formerSection}\` of type \`${kind}\`. It cannot be combined with \`sinks\`.`,
        ],
  );
}

function pageRow(path: string, node: Node): string[] {
  if (node.node === 'section' || node.node === 'named') return [];
  const variable = path.includes('[') ? undefined : variableOf(path);
  const name = path.slice(path.lastIndexOf('.') + 1);
  const example = node.example === undefined ? '' : ` Example: \`${node.example}\`.`;
  const cells = [
    `\`${name}\``,
    acceptsOf(node),
    defaultOf(node),
    variable === undefined ? '' : `\`${variable}\``,
    `${node.description}${example}`,
  ];
  return [`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`];
}

function acceptsOf(node: OptionNode<unknown> | ListNode<Node>): string {
  if (node.node === 'option') return node.kind.expected;
  const entries = node.item.node === 'option' ? node.item.kind.expected : 'sections as below';
  return `a list of ${node.min} to ${node.max}: ${entries}`;
}

function defaultOf(node: OptionNode<unknown> | ListNode<Node>): string {
  if (node.node === 'option' && node.required) return '**required**';
  const inherited = node.node === 'option' && node.inherits !== undefined ? `\`$${node.inherits}\`, else ` : '';
  if (node.default === undefined) return 'none';
  return `${inherited}${node.default === '' ? 'empty' : `\`${node.default}\``}`;
}

/**
 * Every option as a commented YAML file that is valid as it stands: prose after `# `, options after `#` alone, so that
 * removing the `#` sets them.
 */
export function renderExample(sinkKinds: readonly SinkOptions[]): string {
  const heading = [
    '# The configuration of flowlogd. Every option with its default or an example: remove the # of what you set.',
    '# Validate it with: flowlogd check --config FILE',
  ];
  return `${[...heading, ...exampleFields(schemaFor(sinkKinds).fields, '', '')].join('\n')}\n`;
}

/** @param mark `#` inside of what is commented out as a whole */
function exampleFields(fields: Fields, indent: string, mark: string): string[] {
  return Object.entries(fields).flatMap(([key, node]) => [
    ...(indent === '' ? [''] : []),
    ...exampleField(key, node, indent, mark),
  ]);
}

function exampleField(key: string, node: Node, indent: string, mark: string): string[] {
  switch (node.node) {
    case 'option':
      return [...optionProse(node, indent), `${indent}#${key}: ${scalar(node.default ?? node.example ?? '')}`];
    case 'list':
      return [...prose(node.description, indent), ...exampleList(key, node, indent, mark)];
    case 'section': {
      const inside = node.optional ? '#' : mark;
      const heading = [...prose(node.description, indent), `${indent}${inside}${key}:`];
      return [...heading, ...exampleFields(node.fields, `${indent}  `, inside)];
    }
    case 'named':
      return [...prose(node.description, indent), `${indent}#${key}:`, ...exampleNamed(node, `${indent}  `)];
  }
}

/** One of each type, under the name of the type. */
function exampleNamed(node: NamedNode, indent: string): string[] {
  return Object.entries(node.types).flatMap(([type, section]) => [
    ...prose(section.description, indent),
    `${indent}#${type}:`,
    `${indent}  #type: ${type}`,
    ...exampleFields(section.fields, `${indent}  `, '#'),
  ]);
}

function exampleList(key: string, node: ListNode<Node>, indent: string, mark: string): string[] {
  if (node.item.node !== 'section') return [`${indent}#${key}: ${node.example ?? node.default ?? '[]'}`];
  // A list that may be absent is commented out as a whole; the other one shows its first entry.
  const inside = node.requiredInFile === undefined ? '#' : mark;
  const fields = Object.entries(node.item.fields);
  const first = fields.find(([, field]) => isName(field));
  if (first === undefined || first[1].node !== 'option') return [];
  const [name, option] = first;
  return [
    `${indent}${inside}${key}:`,
    ...optionProse(option, `${indent}  `),
    `${indent}  ${inside}- ${name}: ${scalar(option.example ?? option.default ?? '')}`,
    ...exampleFields(Object.fromEntries(fields.filter((field) => field !== first)), `${indent}    `, inside),
  ];
}

/** What an entry of a list begins with: its name. */
function isName(field: Node): boolean {
  return field.node === 'option' && (field.required || field.default === 'default');
}

function optionProse(node: OptionNode<unknown>, indent: string): string[] {
  const rank = node.required ? 'Required: ' : 'Must be ';
  const expected = node.kind.expected === TEXT.expected ? '' : ` ${rank}${node.kind.expected}.`;
  return prose(`${node.description}${expected}`, indent);
}

function prose(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.replaceAll('`', '').split(/\s+/)) {
    if (line !== '' && indent.length + line.length + word.length > COMMENT_COLUMNS) {
      lines.push(`${indent}# ${line}`);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, `${indent}# ${line}`];
}

function scalar(text: string): string {
  return /^[\w/][\w./: -]*$/.test(text) && !/: |:$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}
