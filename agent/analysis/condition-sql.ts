/**
 * A condition of the catalogue as SQL, for databases that know no other language. Of CLS's search conditions the catalogue has fields with values:
 *
 *     condition   = conjunction { OR conjunction }
 *     conjunction = negation { AND negation }
 *     negation    = [ NOT ] primary
 *     primary     = "(" condition ")" | field ":" ( value | "*" | "(" value { OR value } ")" )
 */
import { FIELDS } from '../../schema/fields.ts';

const TOKEN = /\s*(?:([()])|([\w-]+):(\()?|([\w.*-]+))/y;
const NUMBERS: ReadonlySet<string> = new Set(FIELDS.filter(({ type }) => type === 'integer').map(({ name }) => name));

/** @param column the name of a field there. @throws Error at what is none of these: the catalogue has nothing else */
export function conditionSql(condition: string, column: (field: string) => string): string {
  return new ConditionWriter(condition, column).whole();
}

class ConditionWriter {
  readonly #column: (field: string) => string;
  readonly #tokens: RegExpExecArray[] = [];
  #at = 0;

  constructor(condition: string, column: (field: string) => string) {
    this.#column = column;
    for (let end = 0; condition.slice(end).trim() !== ''; end = TOKEN.lastIndex) {
      TOKEN.lastIndex = end;
      const token = TOKEN.exec(condition);
      if (token === null) throw new Error(`unexpected condition at position ${end}: ${condition}`);
      this.#tokens.push(token);
    }
  }

  whole(): string {
    const sql = this.#condition();
    if (this.#at < this.#tokens.length) throw this.#unexpected();
    return sql;
  }

  #condition(): string {
    const parts = [this.#conjunction()];
    while (this.#takes('OR')) parts.push(this.#conjunction());
    return parts.length === 1 ? parts[0]! : `(${parts.join(' or ')})`;
  }

  #conjunction(): string {
    const parts = [this.#negation()];
    while (this.#takes('AND')) parts.push(this.#negation());
    return parts.join(' and ');
  }

  #negation(): string {
    return this.#takes('NOT') ? `not (${this.#primary()})` : this.#primary();
  }

  #primary(): string {
    if (this.#takes('(')) {
      const inner = this.#condition();
      if (!this.#takes(')')) throw this.#unexpected();
      return `(${inner})`;
    }
    const [, , field, opens] = this.#tokens[this.#at++] ?? [];
    if (field === undefined) throw this.#unexpected();
    return opens === undefined ? this.#oneValue(field) : this.#values(field);
  }

  #oneValue(field: string): string {
    const value = this.#value();
    if (value === '*') return `${this.#column(field)} is not null`;
    return `${this.#column(field)} = ${literal(field, value)}`;
  }

  #values(field: string): string {
    const values = [this.#value()];
    while (this.#takes('OR')) values.push(this.#value());
    if (!this.#takes(')')) throw this.#unexpected();
    return `${this.#column(field)} in (${values.map((value) => literal(field, value)).join(', ')})`;
  }

  #value(): string {
    const [, , , , value] = this.#tokens[this.#at++] ?? [];
    if (value === undefined) throw this.#unexpected();
    return value;
  }

  #takes(text: string): boolean {
    const [whole = ''] = this.#tokens[this.#at] ?? [];
    if (whole.trim() !== text) return false;
    this.#at += 1;
    return true;
  }

  #unexpected(): Error {
    return new Error(`unexpected '${this.#tokens[this.#at]?.[0] ?? 'end'}' in a condition`);
  }
}

function literal(field: string, value: string): string {
  if (!NUMBERS.has(field)) return `'${value}'`;
  if (!/^\d+$/.test(value)) throw new Error(`${field} is a number, and ${value} is none`);
  return value;
}
