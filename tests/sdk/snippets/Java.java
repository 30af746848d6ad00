import ClickSend.Api.NumbersApi;
import ClickSend.ApiClient;

public class Java {
    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.setBasePath(System.getenv("NUMBERS_GATEWAY_URL")); // was https://rest.clicksend.com
        client.setUsername("anything"); // was the ClickSend user name
        client.setPassword(System.getenv("NUMBERS_GATEWAY_TOKEN")); // was the ClickSend API key

        new NumbersApi(client).viewAvailableNumbers("AU", null).getData().getData().forEach(offer ->
            System.out.println(offer.getDedicatedNumber() + " " + offer.getPriceMonthly()));
    }
}
