import { describe, expect, test } from 'vitest';
import { fieldOfConstant } from '../../../agent/config/constants.ts';
import { rowOf } from '../../../agent/config/flow-log-row.ts';
import { type Loaded, loadConfiguration } from '../../../agent/config/load.ts';
import { SCHEMA } from '../../../agent/config/schema.ts';
import { SINKS } from '../../../agent/export/sinks.ts';
import { CONSTANT_NAMES } from '../../../agent/record/catalogue.ts';

function load(text: string, environment: Readonly<Record<string, string>> = {}): Loaded {
  const whole = text.includes('flowLogs') ? text : `${text}\nflowLogs: [{}]\n`;
  const readTextFile = () => ({ text: whole, mode: 0o600 });
  return loadConfiguration({
    path: 'f.yaml',
    environment,
    readTextFile,
    sinkKinds: SINKS,
    zstd: false,
    readNamedFiles: true,
  });
}

/** Fields and constants of the first flow log. */
const rowIn = (text: string, environment?: Readonly<Record<string, string>>) => {
  const { flowLogs, constants } = load(text, environment).configuration;
  return rowOf(flowLogs[0]!, constants);
};

const flowLogOf = (text: string, environment?: Readonly<Record<string, string>>) =>
  load(`flowLogs: [{${text}}]`, environment).configuration.flowLogs[0]!;

describe('the fields of a flow log', () => {
  test('are none when nothing is said: the row of its resource type', () => {
    expect(flowLogOf('')).toMatchObject({ resourceType: 'NETWORKINTERFACE', trafficType: 'ALL', fields: [] });
  });

  test('are names in any order, aliases and the spelling of AWS among them', () => {
    const { fields } = rowIn(`flowLogs: [{fields: [dstaddr, "\${srcaddr}", flow-direction, tcp_flags]}]`);
    expect(fields).toEqual(['dstaddr', 'srcaddr', 'flow-direction', 'tcp_flags']);
  });

  test('have a documented row stand for its fields', () => {
    const { fields } = rowIn('flowLogs: [{fields: [first, nat]}]');
    expect(fields).toHaveLength(19);
    expect(fields.slice(0, 3)).toEqual(['first', 'version', 'account-id']);
  });

  test.each([
    ['srcadr', /invalid value 'srcadr': expected a field .*; did you mean srcaddr\?$/],
    ['traffic-path', /invalid value 'traffic-path': expected a field/],
    ['eni, srcaddr', /duplicate field 'srcaddr'/],
  ])('%s is refused with what is meant', (fields, problem) => {
    expect(() => flowLogOf(`fields: [${fields}]`)).toThrow(problem);
  });
});

describe('constants', () => {
  test('have an option each, here and for all flow logs, and no other', () => {
    const options = Object.keys(SCHEMA.fields.constants.fields);
    expect(options.map(fieldOfConstant).toSorted()).toEqual(CONSTANT_NAMES.toSorted());
    expect(Object.keys(SCHEMA.fields.flowLogs.item.fields.constants.fields)).toEqual(options);
  });

  test('of the flow log come before those of all, those of the environment too', () => {
    const text =
      'constants: {vpcId: vpc-1, azId: az-1}\nflowLogs: [{fields: [vpc-id, az-id], constants: {azId: az-2}}]';
    expect(rowIn(text).constants).toEqual({ 'vpc-id': 'vpc-1', 'az-id': 'az-2' });
    const environment = { FLOWLOGD_CONSTANTS_VPC_ID: 'vpc-9' };
    expect(rowIn(text, environment).constants['vpc-id']).toBe('vpc-9');
  });

  test('that no record shows go nowhere', () => {
    expect(rowIn('flowLogs: [{constants: {vpcId: vpc-1}}]').constants).toEqual({});
  });

  test('that are recorded without a value are warned of', () => {
    expect(load('flowLogs: [{name: web, fields: [srcaddr, vpc-id]}]').warnings).toEqual([
      'the flow log web has no value for vpc-id: set it under constants',
    ]);
  });
});

describe('evidence that nobody gives', () => {
  test.each([
    ['fields: [srcregionid]', 'the flow log default has no value for srcregionid: requires regions'],
    ['fields: [pkt-srcaddr, translation]', 'supported for type NAT only'],
    ['fields: [reject-rule]', 'the flow log default has no value for reject-rule: requires rejects'],
    ['trafficType: REJECT', 'ships rejected traffic only, which requires rejects'],
  ])('%s is warned of', (options, warning) => {
    const { warnings } = load(`flowLogs: [{${options}}]`);
    expect(warnings).toEqual([expect.stringContaining(warning)]);
  });

  test('is not missed where it is given', () => {
    expect(load('').warnings).toEqual([]);
    expect(load('flowLogs: [{fields: [eni, reject-rule], rejects: {nflog: 5}}]').warnings).toEqual([]);
    expect(load('flowLogs: [{resourceType: NAT, fields: [nat, translation]}]').warnings).toEqual([]);
    const ccn = 'flowLogs: [{resourceType: CCN, constants: {ccnId: c, regionId: r}}]';
    expect(load(`regions: [{id: r, networks: [10.0.0.0/8]}]\n${ccn}`).warnings).toEqual([]);
  });
});

describe('the window of a flow log', () => {
  test('is five minutes, of CCN one', () => {
    expect(flowLogOf('').windowSeconds).toBe(300);
    expect(flowLogOf('resourceType: NAT').windowSeconds).toBe(300);
    expect(flowLogOf('resourceType: CCN').windowSeconds).toBe(60);
  });

  test('of CCN is one of three', () => {
    expect(flowLogOf('resourceType: CCN, windowSeconds: 10m').windowSeconds).toBe(600);
    expect(() => flowLogOf('resourceType: CCN, windowSeconds: 120')).toThrow(
      /flowLogs\[0\]\.windowSeconds: expected 60, 300, 600 seconds for type CCN/,
    );
  });
});
