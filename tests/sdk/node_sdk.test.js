// ClickSend's official Node SDK, unmodified, through the gateway: base URL and key changed, nothing else.
'use strict';
const assert = require('node:assert/strict');
const { test } = require('node:test');
const clicksend = require('clicksend');

const gateway = process.env.GATEWAY_URL.replace(/\/+$/, '');
const tokens = JSON.parse(process.env.GATEWAY_TOKENS);
const country = process.env.SDK_COUNTRY || 'AU';
const numbers = JSON.parse(process.env.OFFERS).slice(4, 6);
const notForSale = '+61491571804';

const api = (role = 'requester', base = `${gateway}/v3`) => new clicksend.NumberApi('anything', tokens[role], base);

async function salesOf(number) {
  const ledger = await (await fetch(`${process.env.SIMULATOR_URL}/_simulator/ledger`)).json();
  return ledger.sales.filter((sale) => Object.values(sale).includes(number)).length;
}

// What the call is refused with: the SDK rejects with { response, body }, which is no Error.
async function refused(status, code, call) {
  const { response, body } = await call().then(
    () => assert.fail('nothing was refused'),
    (refusal) => refusal,
  );
  assert.equal(response?.statusCode, status, JSON.stringify(body));
  assert.equal(body.http_code, status);
  assert.equal(body.response_code, code);
  return { response, body };
}

test('a search takes a pattern, its kind, a page and a limit', async () => {
  const [area] = numbers.map((number) => number.slice(0, 4));
  const { body } = await api().numbersSearchByCountryGet(country, area, 0, 1, 20);
  assert.equal(body.response_code, 'SUCCESS');
  assert.equal(body.data.current_page, 1);
  assert.equal(body.data.per_page, 20);
  assert.ok(body.data.data.length > 0 && body.data.data.length <= 20);
  for (const offer of body.data.data) {
    assert.ok(offer.dedicated_number.startsWith(area), offer.dedicated_number);
    assert.equal(typeof offer.price_monthly, 'string');
  }
});

test('a plus and a space in the pattern are only punctuation', async () => {
  const number = numbers[0];
  const pattern = `${number.slice(0, 3)} ${number.slice(3)}`;
  const { body } = await api().numbersSearchByCountryGet(country, pattern, 0);
  assert.ok(body.data.data.some((offer) => offer.dedicated_number === number));
});

test('the second page of a search goes on where the first one ends', async () => {
  const rows = async (page) => (await api().numbersSearchByCountryGet(country, '', 1, page, 15)).body.data.data;
  const [first, second] = [await rows(1), await rows(2)];
  assert.equal(first.length, 15);
  assert.ok(second[0].dedicated_number > first[14].dedicated_number);
});

test('the samples of the documentation are served: search_type 56, limit 10', async () => {
  const { body } = await api().numbersSearchByCountryGet(country, '88', 56, 1, 10);
  assert.equal(body.http_code, 200);
  assert.equal(body.data.per_page, 15);
});

test('the own numbers take page and limit', async () => {
  const { body } = await api().numbersGet(1, 10);
  assert.equal(body.http_code, 200);
  assert.equal(body.data.current_page, 1);
});

test('a buy without a body is answered 200 and is one sale', async () => {
  const { response, body } = await api().numbersBuyByDedicatedNumberPost(numbers[0]);
  assert.equal(response.statusCode, 200);
  assert.equal(body.data.dedicated_number, numbers[0]);
  assert.ok(response.headers['x-gateway-purchase']);
  assert.equal(await salesOf(numbers[0]), 1);
});

test('the same buy again is the same purchase', async () => {
  const first = await api().numbersBuyByDedicatedNumberPost(numbers[1]);
  const again = await api().numbersBuyByDedicatedNumberPost(numbers[1]);
  assert.deepEqual(again.body, first.body);
  assert.equal(again.response.headers['x-gateway-purchase'], first.response.headers['x-gateway-purchase']);
  assert.equal(await salesOf(numbers[1]), 1);
});

test('an application names its person in a header', async () => {
  const options = { headers: { 'X-Gateway-On-Behalf-Of': 'ann@example.com', 'X-Gateway-Reference': 'ticket 4711' } };
  await refused(409, 'NUMBER_NOT_AVAILABLE', () =>
    api('application').numbersBuyByDedicatedNumberPost(notForSale, options),
  );
});

test('a wrong key and no key are unauthorized', async () => {
  const wrong = new clicksend.NumberApi('anything', 'wrong', `${gateway}/v3`);
  await refused(401, 'UNAUTHORIZED', () => wrong.numbersGet());
  // Without a key this SDK sends the credentials ":", which is a missing key and not a bad request.
  const none = new clicksend.NumberApi(`${gateway}/v3`);
  await refused(401, 'UNAUTHORIZED', () => none.numbersGet());
});

test('a viewer may not buy', async () => {
  await refused(403, 'FORBIDDEN', () => api('viewer').numbersBuyByDedicatedNumberPost(notForSale));
});

test('a number that nobody sells is a conflict', async () => {
  await refused(409, 'NUMBER_NOT_AVAILABLE', () => api().numbersBuyByDedicatedNumberPost(notForSale));
  assert.equal(await salesOf(notForSale), 0);
});

test('a malformed number is a bad request', async () => {
  const { body } = await refused(400, 'BAD_REQUEST', () => api().numbersBuyByDedicatedNumberPost('12/../34'));
  assert.ok(body.data.dedicated_number, JSON.stringify(body));
});

test('a slash too much in the base URL does no harm', async () => {
  const { response } = await api('requester', `${gateway}/v3/`).numbersGet(1, 15);
  assert.equal(response.statusCode, 200);
  const bought = await api('requester', `${gateway}/v3/`).numbersBuyByDedicatedNumberPost(numbers[0]);
  assert.equal(bought.response.statusCode, 200);
  assert.equal(await salesOf(numbers[0]), 1);
});

test('a base URL without /v3 is told what is missing', async () => {
  const { body } = await refused(404, 'NOT_SERVED_HERE', () => api('requester', gateway).numbersGet());
  assert.match(body.response_msg, /\/v3/);
});
