/**
 * Reads a YAML text by the option table. Every problem is found in one pass: wrong names (with the nearest known one), wrong
 * types, values out of range, what is missing, what is defined twice. The depth of the walk is the table's and lists are
 * bounded.
 */

import { isMap, isScalar, isSeq, LineCounter, type ParsedNode, type YAMLMap } from 'yaml';
import { withoutPassword } from '../options/kinds.ts';
import { nearestWord } from '../options/nearest.ts';
import {
  type Fields,
  type FileContent,
  type ListNode,
  type NamedNode,
  type NamedSection,
  type Node,
  type OptionNode,
  type SectionNode,
  typeOf,
} from '../options/option.ts';
import { type Environment, namesIn, readVariable, variableOf } from './environment.ts';
import type { Findings, Origin } from './findings.ts';
import { parseYaml, TooManyAliases, type YamlFault, type YamlNode } from './yaml-text.ts';

/** Where a YAML text came from, and so where its nodes are. */
interface Source {
  readonly origin: (offset: number) => Origin;
  readonly resolve: (node: YamlNode) => YamlNode;
}

/**
 * Reads the file's text over the whole table; the answer is meaningful only when `findings` has no problem.
 *
 * @param text undefined: there is no file
 */
export function readDocument(
  schema: Node,
  text: string | undefined,
  environment: Environment,
  findings: Findings,
): unknown {
  const lines = new LineCounter();
  const place = (offset: number): Origin => {
    const { line, col } = lines.linePos(offset);
    return { from: 'file', line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const parsed = parseText(text ?? '', lines, place, findings);
  if (parsed === undefined) return undefined;
  const { contents, source } = parsed;
  try {
    return new Reader(environment, findings, text !== undefined).node(schema, contents, '', source, place(0));
  } catch (error) {
    if (!(error instanceof TooManyAliases)) throw error;
    findings.problem('', place(error.offset), error.message);
    return undefined;
  }
}

function parseText(
  text: string,
  lines: LineCounter | undefined,
  place: (offset: number) => Origin,
  findings: Findings,
): { readonly contents: YamlNode; readonly source: Source } | undefined {
  const { contents, faults, resolve } = parseYaml(text, lines);
  const unquoted = unquotedField(text, faults);
  if (unquoted !== undefined) findings.problem('', place(unquoted.at), unquoted.message);
  else for (const fault of faults) findings.problem('', place(fault.pos[0]), `invalid YAML: ${fault.message}`);
  if (faults.length > 0) return undefined;
  return { contents, source: { origin: place, resolve } };
}

/** `[${srcaddr}]`: a field as the cloud writes it, whose braces YAML takes for its own; what it says of them helps no one. */
function unquotedField(text: string, faults: readonly YamlFault[]) {
  const [first] = faults;
  if (first === undefined) return undefined;
  const lineStart = text.lastIndexOf('\n', first.pos[0] - 1) + 1;
  const [line = ''] = text.slice(lineStart).split('\n', 1);
  const found = /(?<!['"])\$\{([a-z-]+)\}(?!['"])/.exec(line);
  if (found === null) return undefined;
  const [written, name] = found;
  return {
    at: lineStart + found.index,
    message: `${written} in a list requires quotes, as its braces are YAML syntax: write '${written}', or ${name} alone`,
  };
}

class Reader {
  readonly #environment: Environment;
  readonly #findings: Findings;
  readonly #hasFile: boolean;

  constructor(environment: Environment, findings: Findings, hasFile: boolean) {
    this.#environment = environment;
    this.#findings = findings;
    this.#hasFile = hasFile;
  }

  /** @param around the place of what holds the node, for what is missing */
  node(schema: Node, written: YamlNode, path: string, source: Source, around: Origin): unknown {
    const yaml = source.resolve(written);
    const at = yaml?.range == null ? around : source.origin(yaml.range[0]);
    switch (schema.node) {
      case 'option':
        return this.#option(schema, yaml, path, at);
      case 'list':
        return this.#list(schema, yaml, path, source, at);
      case 'section':
        return this.#section(schema, yaml, path, source, at);
      case 'named':
        return this.#named(schema, yaml, path, source, at);
    }
  }

  /** What the file names, then what the environment alone does. */
  #named(schema: NamedNode, yaml: YamlNode, path: string, source: Source, at: Origin): readonly NamedSection[] {
    const isAbsent = yaml == null || (isScalar(yaml) && yaml.value === null);
    if (!isAbsent && !isMap(yaml)) {
      this.#findings.problem(path, at, `expected a section for each name, not ${nameOf(yaml)}`);
      return [];
    }
    const accepts = (name: string) =>
      schema.name.parse(name) === undefined ? `invalid name: expected ${schema.name.expected}` : undefined;
    const written = isAbsent ? new Map<string, YamlNode>() : this.#pairs(accepts, yaml as YAMLMap.Parsed, path, source);
    const names = new Set([...written.keys(), ...namesIn(this.#environment, path)]);
    if (yaml != null && names.size === 0) this.#findings.problem(path, at, 'empty; remove it');
    if (names.size > schema.max) {
      this.#findings.problem(path, at, `it has ${names.size} entries and must have at most ${schema.max}`);
    }
    return [...names].flatMap((name) =>
      this.#namedSection(schema, name, written.get(name), `${path}.${name}`, source, at),
    );
  }

  /** Its type first, which says what other options there are. */
  #namedSection(
    schema: NamedNode,
    name: string,
    written: YamlNode,
    path: string,
    source: Source,
    around: Origin,
  ): readonly NamedSection[] {
    const yaml = source.resolve(written);
    const at = yaml?.range == null ? around : source.origin(yaml.range[0]);
    const isAbsent = yaml == null || (isScalar(yaml) && yaml.value === null);
    if (!isAbsent && !isMap(yaml)) {
      this.#findings.problem(path, at, `expected a section of options, not ${nameOf(yaml)}`);
      return [];
    }
    const named = isAbsent
      ? undefined
      : (yaml as YAMLMap.Parsed).items.find(({ key }) => keyOf(key, source) === 'type');
    const typeOption = typeOf(schema);
    const type = this.node(typeOption, named?.value, `${path}.type`, source, at);
    if (typeof type !== 'string') return [];
    const section = { ...schema.types[type]!, fields: { type: typeOption, ...schema.types[type]!.fields } };
    return [{ name, type, path, values: this.#section(section, yaml, path, source, at) as NamedSection['values'] }];
  }

  #section(schema: SectionNode<Fields, boolean>, yaml: YamlNode, path: string, source: Source, at: Origin): unknown {
    const absent = yaml == null || (isScalar(yaml) && yaml.value === null);
    if (schema.optional && yaml == null && !this.#isSetByEnvironment(path)) return undefined;
    if (!absent && !isMap(yaml)) {
      this.#findings.problem(path, at, `expected a section of options, not ${nameOf(yaml)}`);
      return undefined;
    }
    const refusalOf = (key: string) =>
      Object.hasOwn(schema.fields, key) ? undefined : `unknown option${hint(key, schema)}`;
    const pairs = absent ? new Map<string, YamlNode>() : this.#pairs(refusalOf, yaml as YAMLMap.Parsed, path, source);
    const entries = Object.entries(schema.fields).map(([key, field]) => [
      key,
      this.node(field, pairs.get(key), path === '' ? key : `${path}.${key}`, source, at),
    ]);
    return Object.fromEntries(entries);
  }

  /** The section's values by key, after refusing keys that are unknown or defined twice. */
  #pairs(
    refusalOf: (key: string) => string | undefined,
    map: YAMLMap.Parsed,
    path: string,
    source: Source,
  ): ReadonlyMap<string, YamlNode> {
    const values = new Map<string, YamlNode>();
    const places = new Map<string, Origin>();
    for (const pair of map.items) {
      const key = keyOf(pair.key, source);
      const keyPath = path === '' ? key : `${path}.${key}`;
      const at = source.origin(pair.key.range[0]);
      const first = places.get(key);
      const refusal = refusalOf(key);
      if (refusal !== undefined) {
        this.#findings.problem(keyPath, at, refusal);
      } else if (first !== undefined) {
        const where = first.from === 'file' ? `, first defined on line ${first.line}` : '';
        this.#findings.problem(keyPath, at, `duplicate key${where}; remove one`);
      }
      if (first !== undefined) continue;
      places.set(key, at);
      values.set(key, pair.value);
    }
    return values;
  }

  #list(schema: ListNode<Node>, yaml: YamlNode, path: string, source: Source, at: Origin): unknown {
    const variable = variableOf(path);
    const text = readVariable(this.#environment, variable);
    if (text !== undefined && variable !== undefined) {
      return this.#listFromText(schema, text, path, { from: 'environment', variable });
    }
    if (yaml == null && this.#hasFile && schema.requiredInFile !== undefined) {
      this.#findings.problem(path, at, `missing required option: write ${schema.requiredInFile}`);
      return undefined;
    }
    if (yaml == null) return this.#listFromText(schema, schema.default ?? '[]', path, { from: 'default' });
    if (!isSeq(yaml)) {
      this.#findings.problem(path, at, `expected a list, not ${nameOf(yaml)}; write [] for an empty one`);
      return undefined;
    }
    return this.#items(schema, yaml.items as YamlNode[], path, source, at);
  }

  /** A list in a variable or a default: YAML, or for plain values `a,b`. */
  #listFromText(schema: ListNode<Node>, text: string, path: string, origin: Origin): unknown {
    const plain = schema.item.node === 'option' && !/^\s*\[/.test(text);
    const parsed = parseText(plain ? `[${text}]` : text, undefined, () => origin, this.#findings);
    if (parsed === undefined) return undefined;
    if (isSeq(parsed.contents)) {
      return this.#items(schema, parsed.contents.items as YamlNode[], path, parsed.source, origin);
    }
    this.#findings.problem(path, origin, 'expected a list in YAML or JSON, such as [{name: web, interfaces: [eth0]}]');
    return undefined;
  }

  #items(schema: ListNode<Node>, items: readonly YamlNode[], path: string, source: Source, at: Origin): unknown {
    const { min, max } = schema;
    if (items.length < min || items.length > max) {
      this.#findings.problem(path, at, `${items.length} entries, expected ${min} to ${max}`);
      return undefined;
    }
    const values = items.map((item, index) => this.node(schema.item, item, `${path}[${index}]`, source, at));
    if (schema.item.node === 'option') this.#joinSettings(values, path, at);
    else if (items.length === 0) this.#set(path, values, '[]', at, false);
    return values;
  }

  /** A list of plain values is one setting. */
  #joinSettings(values: readonly unknown[], path: string, at: Origin): void {
    const shown = values.map((_, index) => {
      const setting = this.#findings.settings.get(`${path}[${index}]`);
      this.#findings.settings.delete(`${path}[${index}]`);
      return setting?.shown ?? '?';
    });
    if (!shown.includes('?')) this.#set(path, values, `[${shown.join(', ')}]`, at, false);
  }

  #option(schema: OptionNode<unknown>, yaml: YamlNode, path: string, at: Origin): unknown {
    const variable = variableOf(path);
    const override = readVariable(this.#environment, variable);
    if (override !== undefined && variable !== undefined) {
      return this.#parse(schema, override, path, { from: 'environment', variable });
    }
    if (yaml != null) {
      const text = this.#scalarText(schema, yaml, path, at);
      return text === undefined ? undefined : this.#parse(schema, text, path, at);
    }
    // systemd lists several directories with colons; the first is the one that is named after the service.
    const inherited = readVariable(this.#environment, schema.inherits)?.split(':')[0];
    if (inherited !== undefined && schema.inherits !== undefined) {
      return this.#parse(schema, inherited, path, { from: 'environment', variable: schema.inherits });
    }
    if (schema.default !== undefined) return this.#parse(schema, schema.default, path, { from: 'default' });
    if (schema.required) this.#findings.problem(path, at, `missing required option: expected ${schema.kind.expected}`);
    return undefined;
  }

  #scalarText(schema: OptionNode<unknown>, yaml: ParsedNode, path: string, at: Origin): string | undefined {
    if (!isScalar(yaml) || yaml.value === null) {
      this.#findings.problem(path, at, `expected ${schema.kind.expected}, not ${nameOf(yaml)}`);
      return undefined;
    }
    // The source, so that an account id keeps its leading zeros; a quoted text is its value.
    return typeof yaml.value === 'string' ? yaml.value : (yaml.source ?? String(yaml.value));
  }

  #parse(schema: OptionNode<unknown>, text: string, path: string, origin: Origin): unknown {
    const value = schema.kind.parse(text);
    if (value === undefined) {
      const shown = schema.secret ? 'value' : `value '${withoutPassword(text)}'`;
      const nearest = nearestWord(text, schema.kind.known ?? []);
      const meant = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      this.#findings.problem(path, origin, `invalid ${shown}: expected ${schema.kind.expected}${meant}`);
    } else {
      const isSecret = schema.secret && (schema.kind.isConfidential?.(value) ?? true);
      this.#set(path, value, isSecret ? '(hidden)' : text, origin, isSecret, schema.content);
    }
    return value;
  }

  #set(
    path: string,
    value: unknown,
    shown: string,
    origin: Origin,
    secret: boolean,
    content?: FileContent | undefined,
  ): void {
    this.#findings.settings.set(path, { path, value, shown, origin, secret, content });
  }

  #isSetByEnvironment(path: string): boolean {
    const prefix = `${variableOf(path) ?? '\0'}_`;
    return Object.keys(this.#environment).some(
      (name) => name.startsWith(prefix) && readVariable(this.#environment, name) !== undefined,
    );
  }
}

function keyOf(key: ParsedNode | null, source: Source): string {
  const keyNode = source.resolve(key);
  return isScalar(keyNode) ? String(keyNode.value) : '?';
}

function hint(key: string, schema: SectionNode<Fields, boolean>): string {
  const known = Object.keys(schema.fields);
  const nearest = nearestWord(key, known);
  return nearest === undefined ? `; expected one of ${known.join(', ')}` : `; did you mean ${nearest}?`;
}

function nameOf(yaml: YamlNode): string {
  if (isMap(yaml)) return 'a section';
  if (isSeq(yaml)) return 'a list';
  if (isScalar(yaml))
    return yaml.value === null ? 'nothing' : `'${withoutPassword(yaml.source ?? String(yaml.value))}'`;
  return 'nothing';
}
