require 'clicksend_client'
require 'json'
require 'uri'

gateway = URI(ENV.fetch('NUMBERS_GATEWAY_URL'))
ClickSendClient.configure do |configuration|
  configuration.scheme = gateway.scheme
  configuration.host = "#{gateway.host}:#{gateway.port}" # was rest.clicksend.com
  configuration.username = 'anything' # was the ClickSend user name
  configuration.password = ENV.fetch('NUMBERS_GATEWAY_TOKEN') # was the ClickSend API key
end

answer = ClickSendClient::NumberApi.new.numbers_search_by_country_get('AU')
JSON.parse(answer)['data']['data'].each { |offer| puts offer.values_at('dedicated_number', 'price_monthly').join(' ') }
