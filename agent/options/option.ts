/**
 * The building blocks of option tables: options, lists, sections, and sections under names of their own. Each option reads its
 * value from text, whether the text stands in the file, in an environment variable or in the table itself as a default, so that
 * all three mean the same.
 */

import { choice, FILE_PATH, type Kind, TEXT } from './kinds.ts';

/** How an option stands in the table. */
export interface OptionNode<T> {
  readonly node: 'option';
  readonly kind: Kind<T>;
  /** As in the file; undefined for an option that may be absent. */
  readonly default: string | undefined;
  readonly required: boolean;
  /** Never printed. */
  readonly secret: boolean;
  readonly description: string;
  readonly example: string | undefined;
  /** Set by the environment of a service manager, before the default counts. */
  readonly inherits: string | undefined;
  /** Where the value is the path of a file, what counts of that file. */
  readonly content: FileContent | undefined;
}

export interface FileContent {
  /** Whether others must not read it. */
  readonly confidential: boolean;
  /** The option of the same section whose value the file holds; undefined where the text itself counts. */
  readonly holds: { readonly name: string; readonly kind: Kind<unknown> } | undefined;
}

export interface ListNode<N extends Node> {
  readonly node: 'list';
  readonly item: N;
  readonly min: number;
  readonly max: number;
  /** YAML of the list that counts when the file has none. */
  readonly default: string | undefined;
  /** What to write, where a file must have the list: one without it was cut short, or is another file. */
  readonly requiredInFile: string | undefined;
  readonly description: string;
  readonly example: string | undefined;
}

export interface SectionNode<F extends Fields, Optional extends boolean> {
  readonly node: 'section';
  readonly fields: F;
  /** Undefined as a whole when neither file nor environment sets any of it. */
  readonly optional: Optional;
  readonly description: string;
}

/** Sections under names that their user chooses, each of a type that its option `type` names. */
export interface NamedNode {
  readonly node: 'named';
  readonly name: Kind<string>;
  readonly max: number;
  readonly types: Readonly<Record<string, SectionNode<Fields, boolean>>>;
  readonly description: string;
}

/** One of them. */
export interface NamedSection {
  readonly name: string;
  readonly type: string;
  /** Of the section: `sinks.archive`. */
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export type Node = OptionNode<unknown> | ListNode<Node> | SectionNode<Fields, boolean> | NamedNode;
export type Fields = Readonly<Record<string, Node>>;

/** The TypeScript type of what a node describes. */
export type ValueOf<N> =
  N extends OptionNode<infer T>
    ? T
    : N extends ListNode<infer I>
      ? readonly ValueOf<I>[]
      : N extends SectionNode<infer F, infer Optional>
        ? { readonly [K in keyof F]: ValueOf<F[K]> } | (Optional extends true ? undefined : never)
        : N extends NamedNode
          ? readonly NamedSection[]
          : never;

interface About {
  readonly description: string;
  readonly example?: string;
}

interface AboutOption extends About {
  readonly inherits?: string;
}

/** An option that always has a value. */
export function option<T>(kind: Kind<T>, fallback: string, about: AboutOption): OptionNode<T> {
  return node(kind, { default: fallback, required: false, secret: false }, about);
}

/** An option that may be absent. */
export function optional<T>(kind: Kind<T>, about: AboutOption): OptionNode<T | undefined> {
  return node<T | undefined>(kind, OPTIONAL, about);
}

export function required<T>(kind: Kind<T>, about: AboutOption): OptionNode<T> {
  return node(kind, { default: undefined, required: true, secret: false }, about);
}

/** An optional value that is never shown where it is confidential: a text, unless a kind is named. */
export function secret(about: AboutOption): OptionNode<string | undefined>;
export function secret<T>(about: AboutOption, kind: Kind<T>): OptionNode<T | undefined>;
export function secret<T>(about: AboutOption, kind?: Kind<T>): OptionNode<T | string | undefined> {
  return node<T | string | undefined>(
    (kind ?? TEXT) as Kind<T | string | undefined>,
    { ...OPTIONAL, secret: true },
    about,
  );
}

/** A secret, and the option for a file that holds it: `secretKey` and `secretKeyFile`. */
export function secretOrFile<Name extends string, T = string>(
  name: Name,
  about: AboutOption,
  aboutFile: About,
  kind: Kind<T> = TEXT as Kind<unknown> as Kind<T>,
): SecretOrFile<Name, T> {
  const content = { confidential: true, holds: { name, kind } };
  return { [name]: secret(about, kind), [`${name}File`]: fileOption(content, aboutFile) } as SecretOrFile<Name, T>;
}

type SecretOrFile<Name extends string, T> = { readonly [K in Name]: OptionNode<T | undefined> } & {
  readonly [K in `${Name}File`]: OptionNode<string | undefined>;
};

/** An option that names a file whose text counts. */
export function textFile(about: About & { readonly confidential: boolean }): OptionNode<string | undefined> {
  return fileOption({ confidential: about.confidential, holds: undefined }, about);
}

function fileOption(content: FileContent, about: About): OptionNode<string | undefined> {
  return { ...optional(FILE_PATH, about), content };
}

const OPTIONAL = { default: undefined, required: false, secret: false };

function node<T>(
  kind: Kind<T>,
  rank: Pick<OptionNode<T>, 'default' | 'required' | 'secret'>,
  about: AboutOption,
): OptionNode<T> {
  const { description, example, inherits } = about;
  return { node: 'option', kind, ...rank, description, example, inherits, content: undefined };
}

export function list<N extends Node>(
  item: N,
  bounds: { readonly min: number; readonly max: number },
  about: About & { readonly default?: string; readonly requiredInFile?: string },
): ListNode<N> {
  return {
    node: 'list',
    item,
    ...bounds,
    default: about.default,
    requiredInFile: about.requiredInFile,
    description: about.description,
    example: about.example,
  };
}

/** A list of plain values: one setting. */
export function listOf<T>(
  kind: Kind<T>,
  bounds: { readonly min: number; readonly max: number },
  about: About & { readonly default?: string },
): ListNode<OptionNode<T>> {
  return list(required(kind, { description: '' }), bounds, about);
}

export function section<F extends Fields>(description: string, fields: F): SectionNode<F, false> {
  return { node: 'section', fields, optional: false, description };
}

export function named(name: Kind<string>, about: Pick<NamedNode, 'max' | 'types' | 'description'>): NamedNode {
  return { node: 'named', name, max: about.max, types: about.types, description: about.description };
}

/** The option of each of them that comes first. */
export function typeOf({ types }: NamedNode): OptionNode<string> {
  const names = Object.keys(types);
  return required({ ...choice(names), known: names }, { description: 'Which kind of log service it is.' });
}

/** A section as optional as its presence: its value's type says so too. */
export function optionalSection<F extends Fields>(description: string, fields: F): SectionNode<F, true> {
  return { node: 'section', fields, optional: true, description };
}
