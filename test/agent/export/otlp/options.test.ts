import { describe, expect, it } from 'vitest';
import { HEADERS, logsUrl, OTLP_SECTION } from '../../../../agent/export/otlp/options.ts';
import { sinkFromUrl } from '../../../../agent/export/sinks.ts';
import type { SinkPlan } from '../../../../agent/model/sink-plan.ts';

describe('headers', () => {
  it('stand one a line, as HTTP writes them', () => {
    expect(HEADERS.parse('Authorization: Bearer a b\r\n\n  X-Scope-OrgID:tenant-1  \n')).toEqual({
      Authorization: 'Bearer a b',
      'X-Scope-OrgID': 'tenant-1',
    });
  });

  it.each([
    ['nothing', ''],
    ['no name', ': value'],
    ['no value', 'Authorization:'],
    ['one twice', 'A: 1\na: 2'],
    ['one of its own', 'content-length: 3'],
    ['a name with a space', 'my header: 1'],
    ['what no header can carry', 'A: caf\u00e9'],
    ['too many', Array.from({ length: 33 }, (_, index) => `a${index}: 1`).join('\n')],
  ])('are refused with %s', (_, text) => {
    expect(HEADERS.parse(text)).toBeUndefined();
  });
});

describe('the endpoint', () => {
  it.each([
    ['http://collector:4318', 'http://collector:4318/v1/logs'],
    ['http://collector:4318/', 'http://collector:4318/v1/logs'],
    ['https://loki.example.net/otlp/', 'https://loki.example.net/otlp/v1/logs'],
    ['https://host/insert/opentelemetry/v1/logs', 'https://host/insert/opentelemetry/v1/logs'],
  ])('%s is the base of a receiver, or whole', (text, whole) => {
    expect(logsUrl(new URL(text)).href).toBe(whole);
    expect(OTLP_SECTION.fields.endpoint.kind.parse(text)?.href).toBe(whole);
  });

  it.each([
    'collector:4318',
    'http://user:hush@collector',
    'http://collector?tenant=1',
    'http://collector#1',
    'ftp://collector',
  ])('is not %s', (text) => expect(OTLP_SECTION.fields.endpoint.kind.parse(text)).toBeUndefined());
});

describe('the URL of a command', () => {
  const planOf = (text: string, environment = {}) => sinkFromUrl(new URL(text), environment);

  it('names the receiver, with or without TLS', () => {
    expect((planOf('otlp+http://127.0.0.1:4318') as SinkPlan).describe({})).toBe(
      'the OTLP receiver at http://127.0.0.1:4318/v1/logs',
    );
    const plan = planOf('otlp+https://loki.example.net/otlp', { FLOWLOGD_OTLP_HEADERS: 'A: 1' }) as SinkPlan;
    expect(plan.describe({ https_proxy: 'http://u:hush@proxy:3128' })).toBe(
      'the OTLP receiver at https://loki.example.net/otlp/v1/logs through proxy http://proxy:3128',
    );
    expect(plan.options).toMatchObject({ headers: { A: '1' } });
    expect(plan.storage).toEqual({ service: 'OTLP at loki.example.net/otlp/v1/logs' });
  });

  it('requires headers that are some, and no more than a path', () => {
    expect(planOf('otlp+http://collector', { FLOWLOGD_OTLP_HEADERS: 'nonsense' })).toMatchObject({
      needs: expect.stringContaining('a valid FLOWLOGD_OTLP_HEADERS: expected lines such as'),
    });
    expect(planOf('otlp+http://collector?a=1')).toBeUndefined();
    expect(planOf('otlp+ftp://collector')).toBeUndefined();
  });
});
