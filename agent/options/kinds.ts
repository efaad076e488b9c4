/** Kinds of values that options of any table have. */

import {
  DURATION_FORMS,
  formatBytes,
  formatSeconds,
  parseBytes,
  parseInteger,
  parseSeconds,
  SIZE_FORMS,
} from './quantity.ts';

export interface Kind<T> {
  /** What is accepted, to follow 'must be': `a duration from 1s to 10m`. */
  readonly expected: string;
  /** Undefined when the text is not accepted. */
  parse(text: string): T | undefined;
  /** Words that a misspelt text may have been meant to be. */
  readonly known?: readonly string[];
  /** Of a secret option: whether this value is one; absent, every value is. */
  isConfidential?(value: T): boolean;
}

/** Any text, not empty. */
export const TEXT: Kind<string> = { expected: 'a text', parse: (text) => (text === '' ? undefined : text) };

/** A path, absolute or relative to where the option says. */
export const FILE_PATH: Kind<string> = { expected: 'a path', parse: (text) => (text === '' ? undefined : text) };

/** Any text, the empty one too. */
export const TEXT_OR_NOTHING: Kind<string> = { expected: 'a text', parse: (text) => text };

export const BOOLEAN: Kind<boolean> = {
  expected: 'true or false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
};

export const ABSOLUTE_PATH: Kind<string> = {
  expected: 'an absolute path',
  parse: (text) => (text.startsWith('/') ? text : undefined),
};

/** A text that matches the pattern as a whole. */
export function pattern(expected: string, regex: RegExp): Kind<string> {
  return { expected, parse: (text) => (regex.test(text) ? text : undefined) };
}

export function choice<const T extends string>(accepted: readonly T[]): Kind<T> {
  return { expected: `one of ${accepted.join(', ')}`, parse: (text) => accepted.find((value) => value === text) };
}

export function integer(min: number, max: number): Kind<number> {
  return { expected: `a whole number from ${min} to ${max}`, parse: (text) => inside(parseInteger(text), min, max) };
}

export function seconds(min: number, max: number): Kind<number> {
  return {
    expected: `a duration from ${formatSeconds(min)} to ${formatSeconds(max)}: ${DURATION_FORMS}`,
    parse: (text) => inside(parseSeconds(text), min, max),
  };
}

export function bytes(min: number, max: number): Kind<number> {
  return {
    expected: `a size from ${formatBytes(min)} to ${formatBytes(max)}: ${SIZE_FORMS}`,
    parse: (text) => inside(parseBytes(text), min, max),
  };
}

export function inside(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

/** `https://host[:port]`: whatever would be ignored of a URL is refused, a backslash too, which a URL takes for a slash. */
export const ORIGIN: Kind<URL> = {
  expected: 'a URL such as https://ap-guangzhou.cls.tencentcs.com, without user, path or query',
  parse: (text) => {
    if (!/^https?:\/\/[^/\\?#@\s]+\/?$/.test(text) || !URL.canParse(text)) return undefined;
    return new URL(text);
  },
};

/** The text for people, where it may be a URL that somebody put a user and password into. */
export function withoutPassword(text: string): string {
  return text.replace(/^([a-z][a-z\d+.-]*:\/\/)?\S*@/i, '$1(hidden)@');
}

/** A proxy with its user and password, or `none`. */
export const PROXY: Kind<URL | 'none'> = {
  expected: 'a URL such as http://proxy.example.net:3128 (https too, user:password@ where it asks for them), or none',
  parse: (text) => {
    if (text === 'none') return 'none';
    if (!/^https?:\/\/(?:[^/\\?#@\s]+@)?[^/\\?#@\s]+\/?$/.test(text) || !URL.canParse(text)) return undefined;
    return new URL(text);
  },
  isConfidential: (value) => value !== 'none' && value.username + value.password !== '',
};
