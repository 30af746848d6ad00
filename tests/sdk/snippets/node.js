const { NumberApi } = require('clicksend');

const numbers = new NumberApi(
  'anything', // was the ClickSend user name
  process.env.NUMBERS_GATEWAY_TOKEN, // was the ClickSend API key
  `${process.env.NUMBERS_GATEWAY_URL}/v3`, // was https://rest.clicksend.com/v3
);

numbers.numbersSearchByCountryGet('AU', '', 1, 1, 15).then(({ body }) => {
  for (const offer of body.data.data.slice(0, 3)) console.log(offer.dedicated_number, offer.price_monthly);
});
