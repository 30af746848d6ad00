package main

import (
	"context"
	"fmt"
	"log"
	"os"

	clicksend "github.com/ClickSend/clicksend-go-v2"
)

func main() {
	configuration := clicksend.NewConfiguration()
	configuration.Servers = clicksend.ServerConfigurations{
		{URL: os.Getenv("NUMBERS_GATEWAY_URL")}, // was https://rest.clicksend.com
	}
	key := context.WithValue(context.Background(), clicksend.ContextBasicAuth, clicksend.BasicAuth{
		UserName: "anything",                         // was the ClickSend user name
		Password: os.Getenv("NUMBERS_GATEWAY_TOKEN"), // was the ClickSend API key
	})

	answer, _, err := clicksend.NewAPIClient(configuration).NumbersAPI.ViewAvailableNumbers(key, "AU").Execute()
	if err != nil {
		log.Fatal(err)
	}
	for _, offer := range answer.Data.Data {
		fmt.Println(offer.GetDedicatedNumber(), offer.GetPriceMonthly())
	}
}
