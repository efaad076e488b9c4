import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type SigningRequest, signatureSteps, signRequest } from '../../../../agent/export/cls/signature.ts';

const V1: SigningRequest = {
  secretId: 'AKIDc9YlmrBcFk4C8sbmXQ8i65XXXXXXXXXX',
  secretKey: 'LUSE4nPK1d4tX5SHyXv6tZXXXXXXXXXX',
  method: 'GET',
  path: '/logset',
  parameters: { logset_id: 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx' },
  headers: { host: 'ap-shanghai.cls.myqcloud.com' },
  beginSeconds: 1510109254,
  endSeconds: 1510109314,
};
const V2: SigningRequest = {
  ...V1,
  method: 'PUT',
  parameters: {},
  headers: {
    'content-md5': 'f9c7fc33c7eab68dfa8a52508d1f4659',
    'content-type': 'application/json',
    host: 'ap-shanghai.cls.myqcloud.com',
  },
};
const V3: SigningRequest = {
  secretId: 'AKIDEXAMPLE0000000000000000000000000',
  secretKey: 'SECRETKEYEXAMPLE00000000000000000',
  method: 'POST',
  path: '/structuredlog',
  parameters: { topic_id: '11111111-2222-3333-4444-555555555555' },
  headers: { 'content-type': 'application/x-protobuf', host: 'ap-guangzhou.cls.tencentcs.com' },
  beginSeconds: 1700000000,
  endSeconds: 1700000360,
};
const V4: SigningRequest = { ...V3, headers: { 'content-type': 'application/x-protobuf' } };
const V5: SigningRequest = { ...V3, headers: { ...V3.headers, 'x-cls-compress-type': 'lz4' } };

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

describe('the CLS signature', () => {
  it.each([
    ['V1', V1, '2c53900d3fe8d2e875db8a6af5fe7303ee1567a8'],
    ['V2', V2, '85a55e61de42483ba03bffd07a6c01b8d651af51'],
    ['V3', V3, '361ca3f94c2c34943efd3fb65aa59a274a008407'],
    ['V4', V4, '2abec60528d56a428d5fed71d1b2c2dceb23a245'],
    ['V5', V5, '42c4e64080520ec528f59a2772a8bddcf7b5f40f'],
  ])('equals the published vector %s', (_name, request, signature) => {
    expect(signatureSteps(request).signature).toBe(signature);
  });

  it('passes through the published intermediates', () => {
    expect(signatureSteps(V1).signKey).toBe('a4501294d3a835f8dab6caf5c19837dd19eef357');
    expect(sha1(signatureSteps(V1).httpInfo)).toBe('35601c3365a361b62b980fda754318c29862d39c');
    expect(sha1(signatureSteps(V2).httpInfo)).toBe('0ca0242c3d50441fda6aa234d31bea7a7a12a1ea');
    expect(signatureSteps(V3).signKey).toBe('fc493fe76a6e35b9a7c8c2b6b30e819b821d9d1c');
    expect(sha1(signatureSteps(V3).httpInfo)).toBe('4e314436e7c2f7c7f0151ff73159bb28a0751a64');
  });

  it('writes the seven members of the header in their order', () => {
    expect(signRequest(V3)).toBe(
      'q-sign-algorithm=sha1&q-ak=AKIDEXAMPLE0000000000000000000000000' +
        '&q-sign-time=1700000000;1700000360&q-key-time=1700000000;1700000360' +
        '&q-header-list=content-type;host&q-url-param-list=topic_id' +
        '&q-signature=361ca3f94c2c34943efd3fb65aa59a274a008407',
    );
  });

  it('does not depend on the case or the order in which headers are given', () => {
    const headers = { Host: 'ap-guangzhou.cls.tencentcs.com', 'Content-Type': 'application/x-protobuf' };
    expect(signRequest({ ...V3, headers })).toBe(signRequest(V3));
  });

  it('encodes a space as %20 and the sub-delimiters too, with upper-case hex', () => {
    const request = { ...V3, parameters: { q: "a b/!'()*~-_.ü" }, headers: {} };
    expect(signatureSteps(request).httpInfo).toBe('post\n/structuredlog\nq=a%20b%2F%21%27%28%29%2A~-_.%C3%BC\n\n');
  });

  it('takes no headers and no parameters at all', () => {
    const steps = signatureSteps({ ...V3, parameters: {}, headers: {} });
    expect(steps.httpInfo).toBe('post\n/structuredlog\n\n\n');
    expect(steps.headerList).toBe('');
  });

  it('never shows the secret key', () => {
    expect(signRequest(V3)).not.toContain(V3.secretKey);
  });
});
