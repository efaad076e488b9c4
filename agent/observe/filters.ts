/**
 * What is to be shown, as one condition of the query language: the words of the command and its filters, which are short for conditions. The store is
 * asked it as it stands, and flows that are live are matched here, with the same meaning (logservice/query/matcher.ts).
 */
import { isIP } from 'node:net';
import { QueryProblem } from '../../logservice/query/condition.ts';
import { KnownFields } from '../../logservice/query/known-fields.ts';
import { type Matcher, matcherOf } from '../../logservice/query/matcher.ts';
import { parseQuery } from '../../logservice/query/parse.ts';
import type { Invocation } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';
import { protocolNumber } from '../record/protocol-name.ts';
import type { InterfaceIds } from './filter-options.ts';

/** @throws OperationalError `usage.invalid` */
export function conditionText(invocation: Invocation, interfaceIds: InterfaceIds): string {
  const [words = ''] = invocation.positionals;
  checked(words);
  const interfaces = invocation.strings('interface').flatMap((name) => interfaceIds.get(name) ?? [name]);
  const verdicts = invocation.has('verdict') ? [invocation.choice('verdict', ['ACCEPT', 'REJECT'])] : [];
  const filters = [
    either(invocation.strings('host').flatMap((host) => bothEnds('addr', validHost(host)))),
    either(invocation.strings('port').flatMap((port) => bothEnds('port', validPort(port)))),
    either(invocation.strings('protocol').map((name) => `protocol:${validProtocol(name)}`)),
    either(verdicts.map((verdict) => `action:${verdict}`)),
    either(interfaces.map((id) => `interface-id:"${id.replace(/[\\"*]/g, '\\$&')}"`)),
  ];
  return (
    [words.trim() === '' ? [] : [`(${words})`], filters.filter((filter) => filter !== '')].flat().join(' AND ') || '*'
  );
}

/** @throws OperationalError `usage.invalid` */
export function matcherFor(text: string): Matcher {
  const matcher = matcherOf(checked(text));
  if (matcher instanceof QueryProblem) throw invalid(text, `${matcher.message} (position ${matcher.position})`);
  return matcher;
}

function checked(text: string) {
  const parsed = parseQuery(text);
  if (parsed instanceof QueryProblem) throw invalid(text, `${parsed.message} (position ${parsed.position})`);
  if (parsed.sql !== undefined) throw invalid(text, 'SQL is not accepted here. Use flowlogd query');
  const known = new KnownFields([]);
  const [unknown] = known.unknownIn(parsed.condition);
  if (unknown === undefined) return parsed.condition;
  const near = known.nearest(unknown);
  throw invalid(text, `unknown field '${unknown}'${near === undefined ? '' : `: did you mean ${near}?`}`);
}

function invalid(text: string, why: string): OperationalError {
  return new OperationalError('usage.invalid', `observe: invalid condition '${text}': ${why}`);
}

function either(parts: readonly string[]): string {
  return parts.length > 1 ? `(${parts.join(' OR ')})` : (parts[0] ?? '');
}

function bothEnds(what: 'addr' | 'port', value: string): readonly string[] {
  return [`src${what}:${value}`, `dst${what}:${value}`];
}

function validHost(text: string): string {
  const [address = '', bits, ...rest] = text.split('/');
  const width = isIP(address) === 6 ? 128 : 32;
  const hasBits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width);
  // Colons of an address are no key's.
  if (isIP(address) !== 0 && hasBits && rest.length === 0) return `"${text}"`;
  throw refused('host', text, 'an address or a prefix such as 10.0.0.0/8');
}

function validPort(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return String(Number(text));
  throw refused('port', text, 'a number from 0 to 65535');
}

function validProtocol(text: string): number {
  const number = protocolNumber(text);
  if (number !== undefined) return number;
  throw refused('protocol', text, 'a name such as tcp, or a number from 0 to 255');
}

function refused(name: string, text: string, expected: string): OperationalError {
  return new OperationalError('usage.invalid', `observe: invalid --${name} '${text}': expected ${expected}`);
}
