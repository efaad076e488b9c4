/** What single options cannot see: contradictions between them. Looks only at options that are valid in themselves. */

import { LIVE_ENGINE_NAMES, NFLOG_ENGINE_NAMES, WIRE_ENGINE_NAMES } from '../capture/engines.ts';
import { wireFieldsOf } from '../model/flow-log.ts';
import { expandWords } from '../record/row-formats.ts';
import type { Findings } from './findings.ts';
import { checkRow } from './flow-log-row.ts';
import { isInterfacePattern } from './interface-pattern.ts';
import { PROTOCOL } from './kinds.ts';
import { siblingOf } from './named-files.ts';

/** What to do about pseudonyms without a key. */
export const PSEUDONYMS_REQUIRE =
  'pseudonyms require a key: set privacy.keyFile to a file that openssl rand -hex 32 has written';

/** Names that the built-in exclusions have in the ledger. */
const BUILT_IN_RULES: ReadonlySet<unknown> = new Set(['dhcp', 'dhcpv6', 'windows-activation']);
const PROTOCOLS_WITH_PORTS: ReadonlySet<unknown> = new Set([PROTOCOL.parse('tcp'), PROTOCOL.parse('udp')]);

export function checkConsistency(findings: Findings): void {
  checkFlowLogs(findings);
  checkExclusionRules(findings);
  checkFiles(findings);
  checkWebhook(findings);
}

/** Of the whole configuration: a flow log that a command creates has no key of its own. */
export function checkPrivacy(findings: Findings): void {
  const { settings } = findings;
  if (settings.has('privacy.key') || settings.has('privacy.keyFile')) return;
  for (const entry of entriesOf(findings, 'flowLogs')) {
    if (settings.get(`${entry}.addresses`)?.value !== 'pseudonymised') continue;
    findings.problemAt(`${entry}.addresses`, PSEUDONYMS_REQUIRE);
  }
}

function checkFlowLogs(findings: Findings): void {
  const ids = new Map<unknown, string>();
  const interfaces = new Map<unknown, string>();
  for (const entry of entriesOf(findings, 'flowLogs')) {
    checkRow(findings, entry);
    claim(findings, ids, `${entry}.id`, findings.settings.get(`${entry}.id`)?.value, 'the id of');
    checkTags(findings, `${entry}.tags`);
    checkRejects(findings, `${entry}.rejects.nflog`);
    checkWire(findings, entry);
    const patterns = findings.settings.get(`${entry}.interfaces`)?.value;
    if (!Array.isArray(patterns)) continue;
    for (const pattern of patterns) claim(findings, interfaces, `${entry}.interfaces`, pattern, 'an interface of');
    const one = patterns.length === 1 && !isInterfacePattern(patterns[0]);
    if (findings.settings.has(`${entry}.interfaceId`) && !one) {
      findings.problemAt(
        `${entry}.interfaceId`,
        'expected exactly one interface; remove interfaceId, or declare one flow log per interface',
      );
    }
  }
}

function checkTags(findings: Findings, path: string): void {
  const tags = findings.settings.get(path)?.value;
  const keys = Array.isArray(tags) ? tags.map(([key]) => key as string) : [];
  const twice = keys.find((key, index) => keys.indexOf(key) < index);
  if (twice !== undefined) findings.problemAt(path, `duplicate tag '${twice}'; remove one`);
}

function checkRejects(findings: Findings, path: string): void {
  const { settings } = findings;
  if (!settings.has(path)) return;
  const engine = settings.get('capture.engine')?.value;
  if (LIVE_ENGINE_NAMES.some((name) => name === engine) && !NFLOG_ENGINE_NAMES.some((name) => name === engine)) {
    const others = NFLOG_ENGINE_NAMES.join(' or ');
    findings.problemAt(path, `NFLOG is not supported by the engine ${String(engine)}: set capture.engine to ${others}`);
  }
  if (settings.get('capture.filter')?.value) {
    findings.problemAt(path, 'cannot be combined with capture.filter, which NFLOG does not support: use exclude');
  }
}

/** What asks for counts on the wire: `count`, or fields. */
function checkWire(findings: Findings, entry: string): void {
  const { settings } = findings;
  if (settings.get(`${entry}.count`)?.value === 'wire') checkTellsSegments(findings, entry, `${entry}.count`, 'wire');
  const path = `${entry}.fields`;
  const words = settings.get(path)?.value;
  const [field] = wireFieldsOf(expandWords(Array.isArray(words) ? (words as string[]) : []));
  if (field !== undefined) checkTellsSegments(findings, entry, path, field);
}

function checkTellsSegments(findings: Findings, entry: string, path: string, what: string): void {
  const { settings } = findings;
  const engine = settings.get('capture.engine')?.value;
  if (LIVE_ENGINE_NAMES.some((name) => name === engine) && !WIRE_ENGINE_NAMES.some((name) => name === engine)) {
    const others = WIRE_ENGINE_NAMES.join(' or ');
    findings.problemAt(
      path,
      `'${what}' is not supported by the engine ${String(engine)}: set capture.engine to ${others}`,
    );
  }
  const interfaces = settings.get(`${entry}.interfaces`)?.value;
  if (Array.isArray(interfaces) && interfaces.includes('any')) {
    findings.problemAt(path, `'${what}' is not supported on any: list the interfaces`);
  }
}

/** Refuses a value that another place has already. */
function claim(findings: Findings, seen: Map<unknown, string>, path: string, value: unknown, role: string): void {
  if (value === undefined) return;
  const first = seen.get(value);
  if (first === undefined) seen.set(value, path.slice(0, path.indexOf(']') + 1));
  else findings.problemAt(path, `'${String(value)}' is already ${role} ${first}`);
}

function checkExclusionRules(findings: Findings): void {
  const names = new Map<unknown, string>();
  for (const entry of entriesOf(findings, 'exclude.rules')) {
    const name = findings.settings.get(`${entry}.name`)?.value;
    if (BUILT_IN_RULES.has(name)) {
      findings.problemAt(`${entry}.name`, `'${String(name)}' is a built-in rule; choose another name`);
    }
    claim(findings, names, `${entry}.name`, name, 'the name of');
    const protocol = findings.settings.get(`${entry}.protocol`);
    const networks = lengthOf(findings, `${entry}.networks`);
    const ports = lengthOf(findings, `${entry}.ports`);
    if (protocol === undefined && networks === 0 && ports === 0) {
      findings.problemAt(`${entry}.name`, 'the rule excludes everything: add a protocol, networks or ports');
    }
    if (ports !== 0 && protocol !== undefined && !PROTOCOLS_WITH_PORTS.has(protocol.value)) {
      findings.problemAt(
        `${entry}.ports`,
        `ports require protocol tcp or udp; with ${protocol.shown} the rule matches nothing`,
      );
    }
  }
}

/** -1 when the list itself is not valid. */
function lengthOf(findings: Findings, path: string): number {
  const value = findings.settings.get(path)?.value;
  return Array.isArray(value) ? value.length : -1;
}

function checkWebhook(findings: Findings): void {
  const { settings } = findings;
  if (settings.has('findings.webhook.url') || settings.has('findings.webhook.urlFile')) return;
  for (const name of ['secret', 'secretFile', 'caFile', 'proxy', 'proxyFile']) {
    const path = `findings.webhook.${name}`;
    if (settings.has(path)) findings.problemAt(path, 'missing findings.webhook.url, without which nothing is posted');
  }
}

/** A value stands in the configuration or in a file. */
function checkFiles(findings: Findings): void {
  const { settings } = findings;
  for (const { path, content } of settings.values()) {
    if (content?.holds === undefined) continue;
    const inline = siblingOf(path, content.holds.name);
    if (settings.has(inline)) findings.problemAt(path, `cannot be combined with ${inline}; remove one`);
  }
}

/** `flowLogs[0]`, `flowLogs[1]` ... as far as the settings have them. */
function entriesOf(findings: Findings, list: string): string[] {
  const entries = new Set<string>();
  for (const path of findings.settings.keys()) {
    if (path.startsWith(`${list}[`)) entries.add(path.slice(0, path.indexOf(']', list.length) + 1));
  }
  return [...entries];
}
