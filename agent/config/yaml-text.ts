/**
 * A YAML text as a tree that costs no more than its size: its nesting has a limit, because the library composes by recursion, and
 * aliases are looked up in a table, because the library looks for each through the whole text. How much of the text they repeat
 * has a limit, too, else a few lines that refer to each other are read a million times.
 */
import {
  type Alias,
  Composer,
  isAlias,
  isNode,
  Lexer,
  type LineCounter,
  type ParsedNode,
  Parser,
  visit,
  type Document as YamlDocument,
} from 'yaml';

export type YamlNode = ParsedNode | null | undefined;

/** The deepest option is at 12 of what the library has open at a time. */
const OPEN_MAX = 100;
/** Of text. */
const REPEATED_BYTES_MAX = 131_072;
/** What is wrong with the first of them is often why the others are. */
const FAULTS_MAX = 20;

export interface YamlFault {
  readonly message: string;
  readonly pos: readonly [number, number];
}

export interface YamlText {
  readonly contents: YamlNode;
  readonly faults: readonly YamlFault[];
  /** The node that an alias stands for, any other as it is. @throws TooManyAliases */
  readonly resolve: (node: YamlNode) => YamlNode;
}

export class TooManyAliases extends Error {
  /** In the text. */
  readonly offset: number;

  constructor(offset: number) {
    super(`its aliases repeat more than ${REPEATED_BYTES_MAX / 1024}KiB of it; write out what they stand for`);
    this.offset = offset;
  }
}

export function parseYaml(text: string, lineCounter: LineCounter | undefined): YamlText {
  const parser = new Parser(lineCounter?.addNewLine);
  lineCounter?.addNewLine(0);
  // A key that is there twice is our own finding, with its name and both places.
  const composer = new Composer({ uniqueKeys: false });
  const documents: YamlDocument.Parsed[] = [];
  try {
    for (const document of composer.compose(boundedTokens(parser, text), true, text.length)) documents.push(document);
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    return { contents: null, faults: [error], resolve: (node) => node };
  }
  const [document, another] = documents;
  const targets = targetsOf(document!);
  const faults: YamlFault[] = [...document!.errors, ...document!.warnings, ...unknownAliases(targets)].slice(
    0,
    FAULTS_MAX,
  );
  if (another !== undefined) faults.push(fault('several documents, expected one', another.range[0]));
  return { contents: document!.contents, faults, resolve: resolver(targets) };
}

function fault(message: string, offset: number): YamlFault {
  return { message, pos: [offset, offset] };
}

class TooDeep extends Error implements YamlFault {
  readonly pos: readonly [number, number];

  constructor(offset: number) {
    super('nested too deeply');
    this.pos = [offset, offset];
  }
}

function* boundedTokens(parser: Parser, text: string) {
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > OPEN_MAX) throw new TooDeep(parser.offset);
  }
  yield* parser.end();
}

type Targets = ReadonlyMap<Alias, YamlNode>;

function resolver(targets: Targets): YamlText['resolve'] {
  let repeated = 0;
  return (node) => {
    if (!isAlias(node)) return node;
    const target = targets.get(node);
    const [from = 0, , to = 0] = target?.range ?? [];
    repeated += to - from + 1;
    if (repeated > REPEATED_BYTES_MAX) throw new TooManyAliases(node.range![0]);
    return target;
  };
}

/** What each alias stands for: the last node before it that has its anchor. */
function targetsOf(document: YamlDocument.Parsed): Targets {
  const anchored = new Map<string, YamlNode>();
  const targets = new Map<Alias, YamlNode>();
  visit(document, (_key, node) => {
    if (isAlias(node)) targets.set(node, anchored.get(node.source));
    else if (isNode(node) && node.anchor !== undefined) anchored.set(node.anchor, node as ParsedNode);
  });
  return targets;
}

function unknownAliases(targets: Targets): YamlFault[] {
  const unknown = [...targets].flatMap(([alias, target]) => (target === undefined ? [alias] : []));
  return unknown.map(({ source, range }) => fault(`nothing before it has the anchor &${source}`, range![0]));
}
