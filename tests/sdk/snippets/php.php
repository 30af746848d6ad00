<?php
require 'vendor/autoload.php';

$configuration = ClickSend\Configuration::getDefaultConfiguration()
    ->setHost(getenv('NUMBERS_GATEWAY_URL') . '/v3') // was https://rest.clicksend.com/v3
    ->setUsername('anything') // was the ClickSend user name
    ->setPassword(getenv('NUMBERS_GATEWAY_TOKEN')); // was the ClickSend API key
$numbers = new ClickSend\Api\NumberApi(new GuzzleHttp\Client(), $configuration);

foreach (json_decode($numbers->numbersSearchByCountryGet('AU', '', 1))->data->data as $offer) {
    echo $offer->dedicated_number, ' ', $offer->price_monthly, "\n";
}
