import os

import clicksend

configuration = clicksend.Configuration(
    host=os.environ["NUMBERS_GATEWAY_URL"],  # was https://rest.clicksend.com
    username="anything",  # was the ClickSend user name
    password=os.environ["NUMBERS_GATEWAY_TOKEN"],  # was the ClickSend API key
)
numbers = clicksend.NumbersApi(clicksend.ApiClient(configuration))

for offer in numbers.view_available_numbers("AU").data.data[:3]:
    print(offer.dedicated_number, offer.price_monthly)
