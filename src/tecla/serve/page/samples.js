// Beginnings to go on with, written for this page.

export const SAMPLES = {
  en: [
    {
      name: "Letter",
      text:
        "Dear Mrs Turner,\n\nThank you very much for your letter of last week. I am sorry that it took me so long to " +
        "answer. We would be very happy to see you in the spring, and I am looking forw",
    },
    {
      name: "Message",
      text: "Hi Sam,\nthe train is late again, so I will be at the station a little after six. Please let me kn",
    },
    {
      name: "Story",
      text:
        "The lighthouse had been empty for years. Every evening the children walked along the beach and looked up " +
        "at its dark windows, and every evening they told each oth",
    },
  ],
  es: [
    {
      name: "Carta",
      text:
        "Querida Marta:\n\nMuchas gracias por tu carta. Siento mucho no haberte escrito antes, pero he tenido mucho " +
        "trabajo. Nos gustaría mucho verte en prim",
    },
    {
      name: "Mensaje",
      text: "Hola, Luis:\nel tren llega con retraso otra vez, así que estaré en la estación un poco despu",
    },
    {
      name: "Cuento",
      text:
        "El faro llevaba años vacío. Cada tarde los niños caminaban por la playa y miraban sus ventanas oscuras, y " +
        "cada tarde se preguntaban quién había viv",
    },
  ],
};
