/**
 * Names with a dash in SQL, which reads `log-status` as a subtraction: where such a name stands outside quotes and comments and is that of a
 * field, it gets the double quotes that it lacks. Never a subtraction of two fields, as `bytes-packets` is.
 */
export interface QuotedSql {
  readonly text: string;
  /** Where in the text as it was written something stands that is at `position` in this one. */
  original(position: number): number;
}

/** What is skipped whole: texts, with escapes where an E stands before them, quoted names, dollar quotes, comments. */
const SKIPPED =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$(\w*)\$[\s\S]*?(?:\$\1\$|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;
const WORDS = /[A-Za-z_]\w*(?:-[A-Za-z_]\w*)*/y;

export function quoteDashedNames(sql: string, isField: (name: string) => boolean): QuotedSql {
  const quotes: number[] = [];
  let text = '';
  let at = 0;
  const take = (length: number): string => {
    at += length;
    return sql.slice(at - length, at);
  };
  while (at < sql.length) {
    const skipped = lengthOf(SKIPPED, sql, at);
    const words = skipped > 0 ? 0 : lengthOf(WORDS, sql, at);
    if (words === 0) {
      text += take(Math.max(1, skipped));
      continue;
    }
    for (const { name, isDashed } of namesOf(sql.slice(at, at + words), isField)) {
      if (isDashed) quotes.push(at, at + name.length);
      text += isDashed ? `"${name}"` : name;
      at += name.length;
    }
  }
  return { text, original: (position) => position - quotes.filter((quote, index) => quote + index < position).length };
}

function lengthOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0].length ?? 0;
}

interface Name {
  readonly name: string;
  readonly isDashed: boolean;
}

/** The parts of `a-b-c`, those that are a field together as one; dashes between them stand alone. */
function namesOf(words: string, isField: (name: string) => boolean): readonly Name[] {
  const parts = words.split('-');
  const names: Name[] = [];
  for (let from = 0; from < parts.length; ) {
    if (from > 0) names.push({ name: '-', isDashed: false });
    const to = endOfField(parts, from, isField);
    names.push({ name: parts.slice(from, to).join('-'), isDashed: to > from + 1 });
    from = to;
  }
  return names;
}

/** Of a name; more are looked at one by one. */
const PARTS_MAX = 12;

/** Behind the longest field that begins with this part, or behind the part alone. */
function endOfField(parts: readonly string[], from: number, isField: (name: string) => boolean): number {
  for (let to = Math.min(parts.length, from + PARTS_MAX); to > from + 1; to--) {
    const isDifference = parts.slice(from, to).every((part) => isField(part));
    if (!isDifference && isField(parts.slice(from, to).join('-'))) return to;
  }
  return from + 1;
}
