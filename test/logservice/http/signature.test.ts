import { expect, test } from 'vitest';
import { checkSignature, type SignedRequest } from '../../../logservice/http/signature.ts';
import { Refusal } from '../../../logservice/model/refusal.ts';

/** The published vectors V1 and V2 (614/12445), and three that the vendor's own SDKs were run for. */
const DOCUMENTED = { secretId: 'AKIDc9YlmrBcFk4C8sbmXQ8i65XXXXXXXXXX', secretKey: 'LUSE4nPK1d4tX5SHyXv6tZXXXXXXXXXX' };
const EXAMPLE = { secretId: 'AKIDEXAMPLE0000000000000000000000000', secretKey: 'SECRETKEYEXAMPLE00000000000000000' };
const UPLOAD = {
  method: 'POST',
  path: '/structuredlog',
  parameters: [['topic_id', '11111111-2222-3333-4444-555555555555']],
} as const;
const UPLOAD_HEADERS = {
  'content-type': 'application/x-protobuf',
  host: 'ap-guangzhou.cls.tencentcs.com',
  'x-cls-compress-type': 'lz4',
} as const;

function authorization(secretId: string, time: string, headers: string, parameters: string, signature: string): string {
  return (
    `q-sign-algorithm=sha1&q-ak=${secretId}&q-sign-time=${time}&q-key-time=${time}` +
    `&q-header-list=${headers}&q-url-param-list=${parameters}&q-signature=${signature}`
  );
}

const DOCUMENTED_TIME = '1510109254;1510109314';
const EXAMPLE_TIME = '1700000000;1700000360';

const VECTORS = [
  {
    name: 'V1',
    credentials: DOCUMENTED,
    time: DOCUMENTED_TIME,
    request: {
      method: 'GET',
      path: '/logset',
      parameters: [['logset_id', 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx']],
      headers: { host: 'ap-shanghai.cls.myqcloud.com' },
    },
    headers: 'host',
    parameters: 'logset_id',
    signature: '2c53900d3fe8d2e875db8a6af5fe7303ee1567a8',
  },
  {
    name: 'V2',
    credentials: DOCUMENTED,
    time: DOCUMENTED_TIME,
    request: {
      method: 'PUT',
      path: '/logset',
      parameters: [],
      headers: {
        host: 'ap-shanghai.cls.myqcloud.com',
        'content-type': 'application/json',
        'content-md5': 'f9c7fc33c7eab68dfa8a52508d1f4659',
      },
    },
    headers: 'content-md5;content-type;host',
    parameters: '',
    signature: '85a55e61de42483ba03bffd07a6c01b8d651af51',
  },
  {
    name: 'V3',
    credentials: EXAMPLE,
    time: EXAMPLE_TIME,
    request: { ...UPLOAD, headers: UPLOAD_HEADERS },
    headers: 'content-type;host',
    parameters: 'topic_id',
    signature: '361ca3f94c2c34943efd3fb65aa59a274a008407',
  },
  {
    name: 'V4',
    credentials: EXAMPLE,
    time: EXAMPLE_TIME,
    request: { ...UPLOAD, headers: UPLOAD_HEADERS },
    headers: 'content-type',
    parameters: 'topic_id',
    signature: '2abec60528d56a428d5fed71d1b2c2dceb23a245',
  },
  {
    name: 'V5',
    credentials: EXAMPLE,
    time: EXAMPLE_TIME,
    request: { ...UPLOAD, headers: UPLOAD_HEADERS },
    headers: 'content-type;host;x-cls-compress-type',
    parameters: 'topic_id',
    signature: '42c4e64080520ec528f59a2772a8bddcf7b5f40f',
  },
] as const;

function signed(vector: (typeof VECTORS)[number]): SignedRequest {
  const { request, credentials, time, headers, parameters, signature } = vector;
  const header = authorization(credentials.secretId, time, headers, parameters, signature);
  return { ...request, headers: { ...request.headers, authorization: header } };
}

function inTime(vector: (typeof VECTORS)[number]): number {
  return Number(vector.time.split(';')[0]) * 1000;
}

function codeOf(refusal: Refusal | undefined): string | undefined {
  return refusal?.errorcode;
}

test.each(VECTORS)('the vector $name is accepted', (vector) => {
  expect(checkSignature(signed(vector), vector.credentials, inTime(vector))).toBeUndefined();
});

test.each(VECTORS)('the vector $name is refused as soon as anything that it covers is another', (vector) => {
  const good = signed(vector);
  const now = inTime(vector);
  const refusals = [
    checkSignature({ ...good, method: 'DELETE' }, vector.credentials, now),
    checkSignature({ ...good, path: '/other' }, vector.credentials, now),
    checkSignature(good, { ...vector.credentials, secretKey: 'another' }, now),
  ];
  if (vector.parameters !== '') refusals.push(checkSignature({ ...good, parameters: [] }, vector.credentials, now));
  for (const name of vector.headers.split(';')) {
    const headers = { ...good.headers, [name]: 'another' };
    refusals.push(checkSignature({ ...good, headers }, vector.credentials, now));
  }
  expect(new Set(refusals.map(codeOf))).toEqual(new Set(['AuthFailure.SignatureFailure']));
});

test('a host is the same with and without its port', () => {
  const vector = VECTORS[2];
  const good = signed(vector);
  const headers = { ...good.headers, host: `${UPLOAD_HEADERS.host}:8080` };
  expect(checkSignature({ ...good, headers }, EXAMPLE, inTime(vector))).toBeUndefined();
});

test('both ends of the time count, in whole seconds', () => {
  const vector = VECTORS[2];
  const good = signed(vector);
  const codes = [1_699_999_999_999, 1_700_000_000_000, 1_700_000_360_999, 1_700_000_361_000].map((now) =>
    codeOf(checkSignature(good, EXAMPLE, now)),
  );
  expect(codes).toEqual(['AuthFailure.SignatureExpire', undefined, undefined, 'AuthFailure.SignatureExpire']);
});

test('an id that is not known is told apart from a wrong key', () => {
  const vector = VECTORS[2];
  const refusal = checkSignature(signed(vector), { ...EXAMPLE, secretId: 'AKIDother' }, inTime(vector));
  expect(codeOf(refusal)).toBe('AuthFailure.SecretIdNotFound');
});

test('without the header it is missing; with any part of it missing or strange it is not understood', () => {
  const vector = VECTORS[2];
  const good = signed(vector);
  const now = inTime(vector);
  const withHeader = (text: string) =>
    codeOf(checkSignature({ ...good, headers: { ...good.headers, authorization: text } }, EXAMPLE, now));
  expect(codeOf(checkSignature({ ...good, headers: {} }, EXAMPLE, now))).toBe('MissingAuthorization');
  expect(withHeader('')).toBe('MissingAuthorization');
  const text = String(good.headers['authorization']);
  const parts = text.split('&');
  const strange = [
    'Bearer 1',
    ...parts.map((_, index) => parts.toSpliced(index, 1).join('&')),
    text.replace('=sha1', '=md5'),
    text.replaceAll(';1700000360', ''),
    text.replace(/[0-9a-f]{40}/, 'x'),
  ];
  expect(strange.map(withHeader)).toEqual(strange.map(() => 'InvalidAuthorization'));
});

test('what is demanded must be signed and sent, and the time no longer than allowed', () => {
  const vector = VECTORS[4];
  const good = signed(vector);
  const now = inTime(vector);
  const codes = [
    { secondsMax: 360, headers: ['x-cls-compress-type', 'host'] },
    { secondsMax: 359, headers: [] },
    { secondsMax: 360, headers: ['x-cls-content-sha256'] },
  ].map((demands) => codeOf(checkSignature(good, EXAMPLE, now, demands)));
  expect(codes).toEqual([undefined, 'InvalidAuthorization', 'InvalidAuthorization']);
});

test('a refusal never holds the secret key', () => {
  const vector = VECTORS[2];
  const bad = { ...signed(vector), method: 'GET' };
  const refusal = checkSignature(bad, EXAMPLE, inTime(vector));
  expect(refusal).toBeInstanceOf(Refusal);
  expect(JSON.stringify(refusal)).not.toContain(EXAMPLE.secretKey);
});
